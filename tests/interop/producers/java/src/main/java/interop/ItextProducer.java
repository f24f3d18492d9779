package interop;

import com.itextpdf.forms.PdfAcroForm;
import com.itextpdf.forms.PdfSigFieldLock;
import com.itextpdf.forms.fields.PdfFormCreator;
import com.itextpdf.forms.form.element.SignatureFieldAppearance;
import com.itextpdf.kernel.geom.Rectangle;
import com.itextpdf.kernel.pdf.EncryptionConstants;
import com.itextpdf.kernel.pdf.PdfDocument;
import com.itextpdf.kernel.pdf.PdfReader;
import com.itextpdf.kernel.pdf.PdfString;
import com.itextpdf.kernel.pdf.PdfWriter;
import com.itextpdf.kernel.pdf.ReaderProperties;
import com.itextpdf.kernel.pdf.StampingProperties;
import com.itextpdf.kernel.pdf.WriterProperties;
import com.itextpdf.kernel.pdf.annot.PdfTextAnnotation;
import com.itextpdf.signatures.AccessPermissions;
import com.itextpdf.signatures.BouncyCastleDigest;
import com.itextpdf.signatures.CrlClientOffline;
import com.itextpdf.signatures.ICrlClient;
import com.itextpdf.signatures.IExternalSignature;
import com.itextpdf.signatures.ITSAClient;
import com.itextpdf.signatures.PdfPadesSigner;
import com.itextpdf.signatures.PdfSigner;
import com.itextpdf.signatures.PrivateKeySignature;
import com.itextpdf.signatures.SignerProperties;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;

/** iText Core: CMS and PAdES up to B-LTA, locks, certification, form filling in append mode. */
final class ItextProducer implements Producer {

    private static final int RESERVED = 10_000;

    private final Authority authority;

    ItextProducer(Authority authority) {
        this.authority = authority;
    }

    @Override
    public byte[] apply(byte[] pdf, Step step) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ReaderProperties owner = new ReaderProperties().setPassword("pemilik".getBytes(StandardCharsets.US_ASCII));
        PdfReader reader = new PdfReader(new ByteArrayInputStream(pdf), owner);
        switch (step.verb()) {
            case "sign" -> sign(reader, step, out);
            case "stamp" -> {
                PdfSigner signer = new PdfSigner(reader, out, append());
                signer.timestamp(stamper(), step.get("field", null));
            }
            case "renew" -> {
                PdfPadesSigner signer = pades(reader, out);
                signer.prolongSignatures(stamper());
            }
            case "fill" -> {
                PdfDocument document = new PdfDocument(reader, new PdfWriter(out), append());
                PdfAcroForm form = PdfFormCreator.getAcroForm(document, false);
                form.getField(step.need("field")).setValue(step.need("value"));
                document.close();
            }
            case "annotate" -> {
                PdfDocument document = new PdfDocument(reader, new PdfWriter(out), append());
                int y = step.number("y", 40);
                PdfTextAnnotation note = new PdfTextAnnotation(new Rectangle(40, y, 20, 20));
                note.setContents(new PdfString("Catatan"));
                document.getPage(1).addAnnotation(note);
                document.close();
            }
            case "save" -> {
                WriterProperties properties = new WriterProperties();
                properties.setFullCompressionMode(step.has("full"));
                new PdfDocument(reader, new PdfWriter(out, properties)).close();
            }
            case "encrypt" -> {
                int kind =
                        switch (step.number("bits", 256)) {
                            case 40 -> EncryptionConstants.STANDARD_ENCRYPTION_40;
                            case 128 -> step.has("rc4")
                                    ? EncryptionConstants.STANDARD_ENCRYPTION_128
                                    : EncryptionConstants.ENCRYPTION_AES_128;
                            default -> step.has("gcm")
                                    ? EncryptionConstants.ENCRYPTION_AES_GCM
                                    : EncryptionConstants.ENCRYPTION_AES_256;
                        };
                WriterProperties properties = new WriterProperties();
                properties.setStandardEncryption(
                        new byte[0], "pemilik".getBytes(StandardCharsets.US_ASCII),
                        EncryptionConstants.ALLOW_PRINTING, kind);
                new PdfDocument(reader, new PdfWriter(out, properties)).close();
            }
            default -> throw step.unsupported("iText");
        }
        return out.toByteArray();
    }

    private void sign(PdfReader reader, Step step, ByteArrayOutputStream out) throws Exception {
        Authority.Identity signer = authority.signer(step);
        SignerProperties properties = new SignerProperties().setReason("Uji coba");
        if (step.has("field")) {
            properties.setFieldName(step.need("field"));
        }
        if (step.has("visible")) {
            int y = step.number("y", 640);
            properties.setPageNumber(1).setPageRect(new Rectangle(360, y, 160, 50));
            properties.setSignatureAppearance(
                    new SignatureFieldAppearance(SignerProperties.IGNORED_ID)
                            .setContent("Ditandatangani secara elektronik"));
        }
        if (step.has("certify")) {
            properties.setCertificationLevel(
                    switch (step.number("certify", 2)) {
                        case 1 -> AccessPermissions.NO_CHANGES_PERMITTED;
                        case 2 -> AccessPermissions.FORM_FIELDS_MODIFICATION;
                        default -> AccessPermissions.ANNOTATION_MODIFICATION;
                    });
        }
        if (step.has("lock")) {
            properties.setFieldLockDict(lock(step.need("lock")));
        }
        IExternalSignature engine =
                new PrivateKeySignature(signer.key(), step.digest(), step.has("pss") ? "RSASSA-PSS" : null, "BC", null);
        String level = step.get("level", "B");
        if (step.has("pades")) {
            PdfPadesSigner pades = pades(reader, out);
            switch (level) {
                case "B" -> pades.signWithBaselineBProfile(properties, signer.chain(), engine);
                case "T" -> pades.signWithBaselineTProfile(properties, signer.chain(), engine, stamper());
                case "LT" -> pades.signWithBaselineLTProfile(properties, signer.chain(), engine, stamper());
                default -> pades.signWithBaselineLTAProfile(properties, signer.chain(), engine, stamper());
            }
            return;
        }
        PdfSigner pdfSigner = new PdfSigner(reader, out, step.has("rewrite") ? new StampingProperties() : append());
        pdfSigner.setSignerProperties(properties);
        pdfSigner.signDetached(
                new BouncyCastleDigest(), engine, signer.chain(),
                step.has("crls") ? crls() : null, null, level.equals("T") ? stamper() : null, RESERVED,
                step.get("sub", "pkcs7").equals("cades") ? PdfSigner.CryptoStandard.CADES : PdfSigner.CryptoStandard.CMS);
    }

    private static PdfSigFieldLock lock(String what) {
        PdfSigFieldLock lock = new PdfSigFieldLock();
        if (what.equals("all")) {
            return lock.setFieldLock(PdfSigFieldLock.LockAction.ALL);
        }
        String[] parts = what.split(":");
        PdfSigFieldLock.LockAction action =
                parts[0].equals("include") ? PdfSigFieldLock.LockAction.INCLUDE : PdfSigFieldLock.LockAction.EXCLUDE;
        return lock.setFieldLock(action, parts[1].split(","));
    }

    private PdfPadesSigner pades(PdfReader reader, ByteArrayOutputStream out) throws Exception {
        PdfPadesSigner signer = new PdfPadesSigner(reader, out);
        signer.setStampingProperties(append());
        signer.setEstimatedSize(RESERVED);
        signer.setCrlClient(new Revocations());
        signer.setOcspClient(null);
        X509Certificate[] chain = authority.identity("tsa").chain();
        signer.setTrustedCertificates(List.of(chain[chain.length - 1]));
        return signer;
    }

    private Collection<ICrlClient> crls() {
        return List.of(new Revocations());
    }

    /** Both lists of the test CA, whichever certificate is asked about. */
    private final class Revocations implements ICrlClient {

        @Override
        public Collection<byte[]> getEncoded(X509Certificate certificate, String url) {
            try {
                boolean byRoot = certificate.getIssuerX500Principal().getName().contains("Root");
                List<byte[]> found = new ArrayList<>();
                found.addAll(new CrlClientOffline(authority.file(byRoot ? "root.crl" : "issuing.crl"))
                        .getEncoded(certificate, url));
                return found;
            } catch (java.io.IOException problem) {
                throw new java.io.UncheckedIOException(problem);
            }
        }
    }

    private static StampingProperties append() {
        return new StampingProperties().useAppendMode();
    }

    private ITSAClient stamper() {
        return new ITSAClient() {
            @Override
            public int getTokenSizeEstimate() {
                return 8192;
            }

            @Override
            public MessageDigest getMessageDigest() throws java.security.GeneralSecurityException {
                return MessageDigest.getInstance("SHA-256");
            }

            @Override
            public byte[] getTimeStampToken(byte[] imprint) {
                return authority.timestamp("SHA-256", imprint);
            }
        };
    }
}
