package interop;

import eu.europa.esig.validationreport.ValidationReportFacade;
import eu.europa.esig.validationreport.jaxb.SignatureValidationReportType;
import eu.europa.esig.validationreport.jaxb.ValidationObjectType;
import eu.europa.esig.validationreport.jaxb.ValidationReportType;
import eu.europa.esig.validationreport.jaxb.ValidationStatusType;
import java.io.File;
import java.util.List;
import java.util.StringJoiner;

/** Reads validation reports of ETSI TS 119 102-2 as EU DSS does, against the schema; one JSON object a line. */
final class ReportReader {

    private ReportReader() {}

    static void read(List<String> files) {
        for (String file : files) {
            System.out.println("{\"file\": " + Validator.quoted(file) + ", " + answer(new File(file)) + "}");
        }
    }

    private static String answer(File file) {
        try {
            ValidationReportType report = ValidationReportFacade.newFacade().unmarshall(file, true);
            StringJoiner signatures = new StringJoiner(", ", "\"signatures\": [", "]");
            for (SignatureValidationReportType each : report.getSignatureValidationReport()) {
                signatures.add(status(each.getSignatureValidationStatus()));
            }
            StringJoiner objects = new StringJoiner(", ", "\"objects\": [", "]");
            if (report.getSignatureValidationObjects() != null) {
                for (ValidationObjectType each : report.getSignatureValidationObjects().getValidationObject()) {
                    objects.add(Validator.quoted(String.valueOf(each.getObjectType())));
                }
            }
            return signatures + ", " + objects;
        } catch (Exception problem) {
            // That a report is not as the schema wants it is the answer that the test looks for.
            Throwable cause = problem;
            while (cause.getMessage() == null && cause.getCause() != null) {
                cause = cause.getCause();
            }
            return "\"error\": " + Validator.quoted(cause.toString());
        }
    }

    private static String status(ValidationStatusType status) {
        StringJoiner below = new StringJoiner(", ", "[", "]");
        status.getSubIndication().forEach(each -> below.add(Validator.quoted(String.valueOf(each))));
        return "{\"indication\": " + Validator.quoted(String.valueOf(status.getMainIndication()))
                + ", \"subindications\": " + below + "}";
    }
}
