package interop;

import com.itextpdf.text.Rectangle;
import com.itextpdf.text.pdf.PdfAnnotation;
import com.itextpdf.text.pdf.PdfFormField;
import com.itextpdf.text.pdf.PdfName;
import com.itextpdf.text.pdf.PdfReader;
import com.itextpdf.text.pdf.PdfSignatureAppearance;
import com.itextpdf.text.pdf.PdfStamper;
import com.itextpdf.text.pdf.PdfWriter;
import com.itextpdf.text.pdf.security.BouncyCastleDigest;
import com.itextpdf.text.pdf.security.CrlClient;
import com.itextpdf.text.pdf.security.CrlClientOffline;
import com.itextpdf.text.pdf.security.ExternalBlankSignatureContainer;
import com.itextpdf.text.pdf.security.ExternalSignatureContainer;
import com.itextpdf.text.pdf.security.LtvTimestamp;
import com.itextpdf.text.pdf.security.LtvVerification;
import com.itextpdf.text.pdf.security.MakeSignature;
import com.itextpdf.text.pdf.security.PrivateKeySignature;
import com.itextpdf.text.pdf.security.TSAClient;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;

/** iText 5: its own CMS, containers made elsewhere, validation data and document time-stamps in append mode. */
final class Itext5Producer implements Producer {

    private static final int RESERVED = 10_000;
    private static final char SAME_VERSION = '\0';

    private final Authority authority;

    Itext5Producer(Authority authority) {
        this.authority = authority;
    }

    @Override
    public byte[] apply(byte[] pdf, Step step) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PdfReader reader = new PdfReader(pdf, "pemilik".getBytes(StandardCharsets.US_ASCII));
        switch (step.verb()) {
            case "sign" -> {
                return sign(reader, step);
            }
            case "stamp" -> {
                PdfSignatureAppearance appearance =
                        PdfStamper.createSignature(reader, out, SAME_VERSION, null, true).getSignatureAppearance();
                LtvTimestamp.timestamp(appearance, stamper(), step.get("field", null));
            }
            case "extend" -> extend(reader, out);
            case "fill" -> {
                PdfStamper stamper = new PdfStamper(reader, out, SAME_VERSION, true);
                stamper.getAcroFields().setField(step.need("field"), step.need("value"));
                stamper.close();
            }
            case "annotate" -> {
                PdfStamper stamper = new PdfStamper(reader, out, SAME_VERSION, true);
                int y = step.number("y", 40);
                PdfAnnotation note =
                        PdfAnnotation.createText(
                                stamper.getWriter(), new Rectangle(40, y, 60, y + 20), "Catatan", "Catatan", false, "Note");
                stamper.addAnnotation(note, 1);
                stamper.close();
            }
            case "field" -> {
                PdfStamper stamper = new PdfStamper(reader, out, SAME_VERSION, true);
                PdfFormField field = PdfFormField.createSignature(stamper.getWriter());
                field.setFieldName(step.need("field"));
                int y = step.number("y", 560);
                field.setWidget(new Rectangle(360, y, 520, y + 50), PdfAnnotation.HIGHLIGHT_INVERT);
                field.setFlags(PdfAnnotation.FLAGS_PRINT);
                stamper.addAnnotation(field, 1);
                stamper.close();
            }
            case "encrypt" -> {
                PdfStamper stamper = new PdfStamper(reader, out);
                int kind =
                        switch (step.number("bits", 128)) {
                            case 40 -> PdfWriter.STANDARD_ENCRYPTION_40;
                            case 256 -> PdfWriter.ENCRYPTION_AES_256;
                            default -> step.has("rc4") ? PdfWriter.STANDARD_ENCRYPTION_128 : PdfWriter.ENCRYPTION_AES_128;
                        };
                stamper.setEncryption(
                        new byte[0], "pemilik".getBytes(StandardCharsets.US_ASCII), PdfWriter.ALLOW_PRINTING, kind);
                stamper.close();
            }
            default -> throw step.unsupported("iText 5");
        }
        return out.toByteArray();
    }

    private byte[] sign(PdfReader reader, Step step) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PdfStamper stamper = PdfStamper.createSignature(reader, out, SAME_VERSION, null, !step.has("rewrite"));
        PdfSignatureAppearance appearance = stamper.getSignatureAppearance();
        appearance.setReason("Uji coba");
        appearance.setLocation("Contoh");
        if (step.has("existing")) {
            appearance.setVisibleSignature(step.need("field"));
        } else if (step.has("visible")) {
            int y = step.number("y", 640);
            appearance.setVisibleSignature(new Rectangle(360, y, 520, y + 50), 1, step.get("field", "Tampak"));
            if (step.has("layers")) {
                // The look of Acrobat 6: a question mark that the viewer replaced.
                appearance.setAcro6Layers(false);
            }
        }
        if (step.has("certify")) {
            appearance.setCertificationLevel(step.number("certify", 2));
        }
        if (step.has("deferred")) {
            return deferred(appearance, out, step);
        }
        Authority.Identity signer = authority.signer(step);
        boolean cades = step.get("sub", "pkcs7").equals("cades");
        MakeSignature.signDetached(
                appearance, new BouncyCastleDigest(), new PrivateKeySignature(signer.key(), step.digest(), "BC"),
                signer.chain(), step.has("crls") ? crls() : null, null, step.get("level", "B").equals("T") ? stamper() : null,
                RESERVED, cades ? MakeSignature.CryptoStandard.CADES : MakeSignature.CryptoStandard.CMS);
        return out.toByteArray();
    }

    /** A blank field first, then the CMS of somebody else, as remote signing services do. */
    private byte[] deferred(PdfSignatureAppearance appearance, ByteArrayOutputStream out, Step step) throws Exception {
        String field = appearance.getFieldName();
        MakeSignature.signExternalContainer(
                appearance, new ExternalBlankSignatureContainer(PdfName.ADOBE_PPKLITE, PdfName.ADBE_PKCS7_DETACHED),
                RESERVED);
        ByteArrayOutputStream signed = new ByteArrayOutputStream();
        MakeSignature.signDeferred(
                new PdfReader(out.toByteArray()), field, signed,
                new ExternalSignatureContainer() {
                    @Override
                    public byte[] sign(InputStream content) throws java.security.GeneralSecurityException {
                        try {
                            return Cms.sign(content, step, authority);
                        } catch (Exception problem) {
                            throw new java.security.GeneralSecurityException(problem);
                        }
                    }

                    @Override
                    public void modifySigningDictionary(com.itextpdf.text.pdf.PdfDictionary dictionary) {}
                });
        return signed.toByteArray();
    }

    private void extend(PdfReader reader, ByteArrayOutputStream out) throws Exception {
        PdfStamper stamper = new PdfStamper(reader, out, SAME_VERSION, true);
        LtvVerification verification = stamper.getLtvVerification();
        List<byte[]> lists = List.of(authority.file("root.crl"), authority.file("issuing.crl"));
        List<byte[]> certificates = new ArrayList<>();
        for (var certificate : authority.identity("rsa2048").chain()) {
            certificates.add(certificate.getEncoded());
        }
        for (String name : stamper.getAcroFields().getSignatureNames()) {
            verification.addVerification(name, null, lists, certificates);
        }
        stamper.close();
    }

    private List<CrlClient> crls() throws Exception {
        return List.of(new CrlClientOffline(authority.file("issuing.crl")));
    }

    private TSAClient stamper() {
        return new TSAClient() {
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
