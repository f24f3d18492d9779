package interop;

import java.io.IOException;
import java.io.OutputStream;
import org.apache.pdfbox.pdmodel.PDDocument;

final class Pdfbox2 implements Pdfbox {

    @Override
    public PDDocument load(byte[] pdf) throws IOException {
        return PDDocument.load(pdf);
    }

    @Override
    public void save(PDDocument document, OutputStream out, boolean table) throws IOException {
        // This version writes tables only, whatever is asked for.
        document.save(out);
    }
}
