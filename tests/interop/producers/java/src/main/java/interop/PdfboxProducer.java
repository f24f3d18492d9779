package interop;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.security.MessageDigest;
import java.util.Calendar;
import java.util.List;
import org.apache.pdfbox.cos.COSArray;
import org.apache.pdfbox.cos.COSBase;
import org.apache.pdfbox.cos.COSDictionary;
import org.apache.pdfbox.cos.COSName;
import org.apache.pdfbox.cos.COSUpdateInfo;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.PDPage;
import org.apache.pdfbox.pdmodel.common.PDRectangle;
import org.apache.pdfbox.pdmodel.encryption.AccessPermission;
import org.apache.pdfbox.pdmodel.encryption.StandardProtectionPolicy;
import org.apache.pdfbox.pdmodel.interactive.annotation.PDAnnotation;
import org.apache.pdfbox.pdmodel.interactive.annotation.PDAnnotationText;
import org.apache.pdfbox.pdmodel.interactive.annotation.PDAnnotationWidget;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.PDSignature;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.SignatureInterface;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.SignatureOptions;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.visible.PDVisibleSigProperties;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.visible.PDVisibleSignDesigner;
import org.apache.pdfbox.pdmodel.interactive.form.PDField;

/** Apache PDFBox with BouncyCastle's CMS. */
final class PdfboxProducer implements Producer {

    private static final int RESERVED = 10_000;

    private final Authority authority;
    private final Pdfbox pdfbox;

    PdfboxProducer(Authority authority, Pdfbox pdfbox) {
        this.authority = authority;
        this.pdfbox = pdfbox;
    }

    @Override
    public byte[] apply(byte[] pdf, Step step) throws Exception {
        try (PDDocument document = pdfbox.load(pdf)) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            switch (step.verb()) {
                case "sign" -> sign(document, step, out);
                case "stamp" -> stamp(document, out);
                case "fill" -> {
                    PDField field = document.getDocumentCatalog().getAcroForm().getField(step.need("field"));
                    field.setValue(step.need("value"));
                    markForm(document, field);
                    document.saveIncremental(out);
                }
                case "annotate" -> {
                    mark(document.getDocumentCatalog().getCOSObject());
                    annotate(document.getPage(0), step.number("y", 40));
                    document.saveIncremental(out);
                }
                case "save" -> pdfbox.save(document, out, step.get("xref", "stream").equals("table"));
                case "encrypt" -> {
                    StandardProtectionPolicy policy =
                            new StandardProtectionPolicy("pemilik", "", new AccessPermission());
                    policy.setEncryptionKeyLength(step.number("bits", 256));
                    policy.setPreferAES(!step.has("rc4"));
                    document.protect(policy);
                    document.save(out);
                }
                default -> throw step.unsupported("PDFBox");
            }
            return out.toByteArray();
        }
    }

    private void sign(PDDocument document, Step step, ByteArrayOutputStream out) throws Exception {
        PDSignature signature = new PDSignature();
        signature.setFilter(PDSignature.FILTER_ADOBE_PPKLITE);
        signature.setSubFilter(
                switch (step.get("sub", "pkcs7")) {
                    case "cades" -> PDSignature.SUBFILTER_ETSI_CADES_DETACHED;
                    case "sha1" -> PDSignature.SUBFILTER_ADBE_PKCS7_SHA1;
                    default -> PDSignature.SUBFILTER_ADBE_PKCS7_DETACHED;
                });
        signature.setName("Penanda Tangan");
        signature.setReason("Uji coba");
        signature.setSignDate(Calendar.getInstance());
        if (step.has("certify")) {
            certify(document, signature, step.number("certify", 2));
        }
        SignatureInterface engine =
                content -> {
                    try {
                        return Cms.sign(content, step, authority);
                    } catch (Exception problem) {
                        throw new java.io.IOException(problem);
                    }
                };
        try (SignatureOptions options = new SignatureOptions()) {
            options.setPreferredSignatureSize(RESERVED);
            if (step.has("visible")) {
                options.setVisualSignature(appearance(document, step));
                options.setPage(0);
            }
            document.addSignature(signature, engine, options);
            document.saveIncremental(out);
        }
    }

    private void stamp(PDDocument document, ByteArrayOutputStream out) throws Exception {
        PDSignature signature = new PDSignature();
        signature.setType(COSName.DOC_TIME_STAMP);
        signature.setFilter(PDSignature.FILTER_ADOBE_PPKLITE);
        signature.setSubFilter(COSName.getPDFName("ETSI.RFC3161"));
        try (SignatureOptions options = new SignatureOptions()) {
            options.setPreferredSignatureSize(RESERVED);
            document.addSignature(signature, this::token, options);
            document.saveIncremental(out);
        }
    }

    private byte[] token(InputStream content) throws java.io.IOException {
        try {
            return authority.timestamp("SHA-256", MessageDigest.getInstance("SHA-256").digest(content.readAllBytes()));
        } catch (java.security.NoSuchAlgorithmException problem) {
            throw new java.io.IOException(problem);
        }
    }

    /** ISO 32000-2, 12.8.2.2: the transform method in the signature, and /Perms in the catalogue. */
    private static void certify(PDDocument document, PDSignature signature, int permissions) {
        COSDictionary parameters = new COSDictionary();
        parameters.setItem(COSName.TYPE, COSName.getPDFName("TransformParams"));
        parameters.setInt(COSName.P, permissions);
        parameters.setName(COSName.V, "1.2");
        COSDictionary reference = new COSDictionary();
        reference.setItem(COSName.TYPE, COSName.getPDFName("SigRef"));
        reference.setName("TransformMethod", "DocMDP");
        reference.setItem("TransformParams", parameters);
        COSArray references = new COSArray();
        references.add(reference);
        signature.getCOSObject().setItem("Reference", references);
        COSDictionary catalog = document.getDocumentCatalog().getCOSObject();
        COSDictionary allowed = new COSDictionary();
        catalog.setItem(COSName.PERMS, allowed);
        allowed.setItem("DocMDP", signature.getCOSObject());
        catalog.setNeedToBeUpdated(true);
    }

    private static PDVisibleSigProperties appearance(PDDocument document, Step step) throws Exception {
        BufferedImage image = new BufferedImage(120, 40, BufferedImage.TYPE_INT_RGB);
        Graphics2D pen = image.createGraphics();
        pen.setColor(new Color(20, 60, 140));
        pen.fillRect(0, 0, 120, 40);
        pen.dispose();
        PDVisibleSignDesigner designer = new PDVisibleSignDesigner(document, image, 1);
        designer.xAxis(step.number("x", 360)).yAxis(step.number("y", 720)).width(120).height(40)
                .signatureFieldName(step.get("field", "Visual"));
        PDVisibleSigProperties properties = new PDVisibleSigProperties();
        properties.signerName("Penanda Tangan").signerLocation("Contoh").signatureReason("Uji coba")
                .page(1).visualSignEnabled(true).setPdVisibleSignature(designer);
        properties.buildSignature();
        return properties;
    }

    private static void annotate(PDPage page, int y) throws Exception {
        PDAnnotationText note = new PDAnnotationText();
        note.setRectangle(new PDRectangle(40, y, 20, 20));
        note.setContents("Catatan");
        note.setName(PDAnnotationText.NAME_NOTE);
        note.constructAppearances();
        List<PDAnnotation> annotations = page.getAnnotations();
        annotations.add(note);
        page.setAnnotations(annotations);
        note.getCOSObject().setNeedToBeUpdated(true);
        // Version 2 writes only what is marked, and finds it only by a path of what is marked.
        for (COSDictionary each = page.getCOSObject(); each != null; each = each.getCOSDictionary(COSName.PARENT)) {
            each.setNeedToBeUpdated(true);
        }
    }

    private static void markForm(PDDocument document, PDField field) {
        mark(document.getDocumentCatalog().getCOSObject());
        mark(document.getDocumentCatalog().getAcroForm().getCOSObject());
        for (PDField each = field; each != null; each = each.getParent()) {
            mark(each.getCOSObject());
        }
        for (PDAnnotationWidget widget : field.getWidgets()) {
            mark(widget.getCOSObject());
            if (widget.getAppearance() != null && widget.getAppearance().getNormalAppearance() != null) {
                mark(widget.getAppearance().getCOSObject());
                mark(widget.getAppearance().getNormalAppearance().getCOSObject());
            }
        }
    }

    private static void mark(COSBase object) {
        ((COSUpdateInfo) object).setNeedToBeUpdated(true);
    }
}
