package interop;

import java.io.IOException;
import java.io.OutputStream;
import org.apache.pdfbox.Loader;
import org.apache.pdfbox.pdfwriter.compress.CompressParameters;
import org.apache.pdfbox.pdmodel.PDDocument;

final class Pdfbox3 implements Pdfbox {

    @Override
    public PDDocument load(byte[] pdf) throws IOException {
        return Loader.loadPDF(pdf);
    }

    @Override
    public void save(PDDocument document, OutputStream out, boolean table) throws IOException {
        document.save(out, table ? CompressParameters.NO_COMPRESSION : CompressParameters.DEFAULT_COMPRESSION);
    }
}
