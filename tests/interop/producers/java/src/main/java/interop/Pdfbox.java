package interop;

import java.io.IOException;
import java.io.OutputStream;
import org.apache.pdfbox.pdmodel.PDDocument;

/** What differs between the versions of Apache PDFBox. */
interface Pdfbox {

    PDDocument load(byte[] pdf) throws IOException;

    /** Writes all of it anew, with a cross-reference table where {@code table}. */
    void save(PDDocument document, OutputStream out, boolean table) throws IOException;
}
