package interop;

import com.lowagie.text.Rectangle;
import com.lowagie.text.pdf.PdfDate;
import com.lowagie.text.pdf.PdfDictionary;
import com.lowagie.text.pdf.PdfName;
import com.lowagie.text.pdf.PdfReader;
import com.lowagie.text.pdf.PdfSignature;
import com.lowagie.text.pdf.PdfSignatureAppearance;
import com.lowagie.text.pdf.PdfStamper;
import com.lowagie.text.pdf.PdfString;
import com.lowagie.text.pdf.PdfWriter;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Calendar;
import java.util.HashMap;
import java.util.Map;

/** OpenPDF: its own signatures (adbe.x509.rsa_sha1, adbe.pkcs7.sha1) and, around BouncyCastle's CMS, detached ones. */
final class OpenpdfProducer implements Producer {

    private static final int RESERVED = 10_000;
    private static final char SAME_VERSION = '\0';

    private final Authority authority;

    OpenpdfProducer(Authority authority) {
        this.authority = authority;
    }

    @Override
    public byte[] apply(byte[] pdf, Step step) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PdfReader reader = new PdfReader(pdf);
        switch (step.verb()) {
            case "sign" -> sign(reader, step, out);
            case "fill" -> {
                PdfStamper stamper = new PdfStamper(reader, out, SAME_VERSION, true);
                stamper.getAcroFields().setField(step.need("field"), step.need("value"));
                stamper.close();
            }
            case "save" -> {
                PdfStamper stamper = new PdfStamper(reader, out, '5');
                if (step.has("full")) {
                    stamper.setFullCompression();
                }
                stamper.close();
            }
            case "encrypt" -> {
                PdfStamper stamper = new PdfStamper(reader, out);
                int strength =
                        switch (step.number("bits", 128)) {
                            case 40 -> PdfWriter.STANDARD_ENCRYPTION_40;
                            case 256 -> PdfWriter.ENCRYPTION_AES_256_V3;
                            default -> step.has("rc4") ? PdfWriter.STANDARD_ENCRYPTION_128 : PdfWriter.ENCRYPTION_AES_128;
                        };
                stamper.setEncryption(
                        new byte[0], "pemilik".getBytes(StandardCharsets.US_ASCII), PdfWriter.ALLOW_PRINTING, strength);
                stamper.close();
            }
            default -> throw step.unsupported("OpenPDF");
        }
        return out.toByteArray();
    }

    private void sign(PdfReader reader, Step step, ByteArrayOutputStream out) throws Exception {
        PdfStamper stamper = PdfStamper.createSignature(reader, out, SAME_VERSION, null, !step.has("rewrite"));
        PdfSignatureAppearance appearance = stamper.getSignatureAppearance();
        appearance.setReason("Uji coba");
        if (step.has("visible")) {
            int y = step.number("y", 640);
            appearance.setVisibleSignature(new Rectangle(360, y, 520, y + 50), 1, step.get("field", "Tampak"));
            appearance.setLayer2Text("Ditandatangani secara elektronik");
        } else if (step.has("existing")) {
            appearance.setVisibleSignature(step.need("field"));
        } else if (step.has("field")) {
            appearance.setFieldNameForInvisibleSignatures(step.need("field"));
        }
        if (step.has("certify")) {
            appearance.setCertificationLevel(step.number("certify", 2));
        }
        Authority.Identity signer = authority.signer(step);
        String sub = step.get("sub", "pkcs7");
        if (sub.equals("x509") || sub.equals("sha1")) {
            appearance.setCrypto(
                    signer.key(), signer.chain(), null,
                    sub.equals("x509") ? PdfSignatureAppearance.SELF_SIGNED : PdfSignatureAppearance.WINCER_SIGNED);
            stamper.close();
            return;
        }
        PdfName subFilter = sub.equals("cades") ? new PdfName("ETSI.CAdES.detached") : PdfName.ADBE_PKCS7_DETACHED;
        PdfSignature dictionary = new PdfSignature(PdfName.ADOBE_PPKLITE, subFilter);
        dictionary.setReason("Uji coba");
        dictionary.setDate(new PdfDate(Calendar.getInstance()));
        appearance.setCryptoDictionary(dictionary);
        Map<PdfName, Integer> exclusions = new HashMap<>();
        exclusions.put(PdfName.CONTENTS, RESERVED * 2 + 2);
        appearance.preClose(exclusions);
        byte[] cms = Cms.sign(appearance.getRangeStream(), step, authority);
        byte[] padded = new byte[RESERVED];
        System.arraycopy(cms, 0, padded, 0, cms.length);
        PdfDictionary update = new PdfDictionary();
        update.put(PdfName.CONTENTS, new PdfString(padded).setHexWriting(true));
        appearance.close(update);
    }
}
