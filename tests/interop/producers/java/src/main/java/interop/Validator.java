package interop;

import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.diagnostic.PDFRevisionWrapper;
import eu.europa.esig.dss.diagnostic.SignatureWrapper;
import eu.europa.esig.dss.diagnostic.TimestampWrapper;
import eu.europa.esig.dss.diagnostic.jaxb.XmlObjectModification;
import eu.europa.esig.dss.enumerations.TimestampType;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.pades.validation.PDFDocumentValidator;
import eu.europa.esig.dss.pdf.ServiceLoaderPdfObjFactory;
import eu.europa.esig.dss.pdf.modifications.DefaultPdfDifferencesFinder;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.StringJoiner;

/** EU DSS's verdict on files, as one JSON object a line. */
final class Validator {

    private final CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();

    Validator(Path root) throws Exception {
        for (var certificate : Authority.certificates(root)) {
            trusted.addCertificate(new CertificateToken(certificate));
        }
    }

    void validate(List<String> files, int repeat) {
        for (String file : files) {
            double[] milliseconds = new double[repeat];
            String answer = "";
            for (int i = 0; i < repeat; i++) {
                long started = System.nanoTime();
                answer = judge(file, true);
                milliseconds[i] = (System.nanoTime() - started) / 1e6;
            }
            Arrays.sort(milliseconds);
            System.out.printf(
                    java.util.Locale.ROOT, "{\"file\": %s, \"median_ms\": %.2f, %s}%n",
                    quoted(file), milliseconds[repeat / 2], answer);
        }
    }

    /** DSS's answer about a file; {@code visual} also compares pages as pictures, as it does by default. */
    String judge(String file, boolean visual) {
        try {
            SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(new FileDocument(file));
            if (!visual && validator instanceof PDFDocumentValidator pdf) {
                DefaultPdfDifferencesFinder differences = new DefaultPdfDifferencesFinder();
                differences.setMaximalPagesAmountForVisualComparison(0);
                ServiceLoaderPdfObjFactory factory = new ServiceLoaderPdfObjFactory();
                factory.setPdfDifferencesFinder(differences);
                pdf.setPdfObjFactory(factory);
            }
            CommonCertificateVerifier verifier = new CommonCertificateVerifier();
            verifier.setTrustedCertSources(trusted);
            validator.setCertificateVerifier(verifier);
            Reports reports = validator.validateDocument();
            SimpleReport simple = reports.getSimpleReport();
            DiagnosticData data = reports.getDiagnosticData();
            StringJoiner found = new StringJoiner(", ", "\"signatures\": [", "]");
            for (SignatureWrapper each : data.getSignatures()) {
                found.add(
                        entry("signature", each.getId(), simple, each.isSignatureIntact() && each.isSignatureValid(),
                                each.getPDFRevision(), String.valueOf(each.getSignatureFormat())));
            }
            for (TimestampWrapper each : data.getTimestampList()) {
                boolean document = each.getType() == TimestampType.DOCUMENT_TIMESTAMP;
                found.add(
                        entry(document ? "document_timestamp" : "timestamp", each.getId(), simple,
                                each.isMessageImprintDataFound() && each.isMessageImprintDataIntact()
                                        && each.isSignatureIntact(),
                                each.getPDFRevision(), "none"));
            }
            return found.toString();
        } catch (Exception | StackOverflowError problem) {
            // "Could not tell" is an answer of this validator, to be compared like any other.
            return "\"error\": " + quoted(problem.getClass().getSimpleName() + ": " + problem.getMessage());
        }
    }

    private static String entry(
            String kind, String id, SimpleReport simple, boolean intact, PDFRevisionWrapper revision, String level) {
        StringJoiner parts = new StringJoiner(", ", "{", "}");
        parts.add("\"kind\": " + quoted(kind));
        parts.add("\"level\": " + quoted(level));
        parts.add("\"intact\": " + intact);
        parts.add("\"indication\": " + quoted(String.valueOf(simple.getIndication(id))));
        parts.add("\"subindication\": " + quoted(String.valueOf(simple.getSubIndication(id))));
        StringJoiner errors = new StringJoiner(", ", "[", "]");
        simple.getAdESValidationErrors(id).forEach(message -> errors.add(quoted(message.getValue())));
        parts.add("\"errors\": " + errors);
        if (revision != null) {
            parts.add("\"byte_range_valid\": " + revision.isSignatureByteRangeValid());
            parts.add("\"overlaps\": " + revision.getPdfAnnotationsOverlapConcernedPages().size());
            parts.add("\"visual_differences\": " + revision.getPdfVisualDifferenceConcernedPages().size());
            parts.add("\"page_differences\": " + revision.getPdfPageDifferenceConcernedPages().size());
            parts.add("\"undefined_changes\": " + paths(revision.getPdfUndefinedChanges()));
            parts.add("\"fill_changes\": " + revision.getPdfSignatureOrFormFillChanges().size());
            parts.add("\"annotation_changes\": " + revision.getPdfAnnotationChanges().size());
        }
        return parts.toString();
    }

    /** Where each change was found, as keys and object numbers from the catalogue on. */
    private static String paths(List<XmlObjectModification> changes) {
        StringJoiner found = new StringJoiner(", ", "[", "]");
        changes.forEach(change -> found.add(quoted(change.getValue())));
        return found.toString();
    }

    static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : String.valueOf(text).toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }
}
