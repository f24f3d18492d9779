package interop;

/** A signer of PDFs: one step turns a file into the next. */
interface Producer {

    /** @throws UnsupportedOperationException where this tool has no way to do the step. */
    byte[] apply(byte[] pdf, Step step) throws Exception;
}
