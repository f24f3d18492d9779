package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.Security;
import java.util.List;
import java.util.Map;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/**
 * Makes and validates signed PDFs.
 *
 * <pre>
 * make AUTHORITY                      recipes on standard input, one a line: tool, output, base and steps between tabs;
 *                                     answers one line each: "made" or "failed", output, reason
 * validate ROOT.pem [--repeat N]      names of files on standard input; answers DSS's verdict as JSON lines
 * report                              names of ETSI validation reports on standard input; answers what DSS reads in
 *                                     each against the schema as JSON lines
 * serve ROOT.pem                      validates and signs, one file at a time for as long as lines come; see Server
 * </pre>
 */
public final class Main {

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        System.setProperty("java.awt.headless", "true");
        Security.addProvider(new BouncyCastleProvider());
        List<String> lines;
        try (BufferedReader reader =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            if (arguments[0].equals("serve")) {
                Server.serve(Path.of(arguments[1]), reader);
                return;
            }
            lines = reader.lines().filter(line -> !line.isBlank()).toList();
        }
        switch (arguments[0]) {
            case "make" -> {
                Authority authority = new Authority(Path.of(arguments[1]));
                Recipes.make(
                        lines,
                        Map.of(
                                "dss", new DssProducer(authority),
                                "pdfbox", new PdfboxProducer(authority, new Pdfbox3()),
                                "openpdf", new OpenpdfProducer(authority),
                                "itext", new ItextProducer(authority)));
            }
            case "validate" -> {
                int repeat = arguments.length > 3 ? Integer.parseInt(arguments[3]) : 1;
                new Validator(Path.of(arguments[1])).validate(lines, repeat);
            }
            case "report" -> ReportReader.read(lines);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }
}
