package interop;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
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
 * serve ROOT.pem                      the same, one file at a time for as long as names come; see Server
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
                Server.serve(new Validator(Path.of(arguments[1])), reader);
                return;
            }
            lines = reader.lines().filter(line -> !line.isBlank()).toList();
        }
        switch (arguments[0]) {
            case "make" -> make(new Authority(Path.of(arguments[1])), lines);
            case "validate" -> {
                int repeat = arguments.length > 3 ? Integer.parseInt(arguments[3]) : 1;
                new Validator(Path.of(arguments[1])).validate(lines, repeat);
            }
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    private static void make(Authority authority, List<String> lines) throws IOException {
        Map<String, Producer> producers =
                Map.of(
                        "dss", new DssProducer(authority),
                        "pdfbox", new PdfboxProducer(authority),
                        "openpdf", new OpenpdfProducer(authority),
                        "itext", new ItextProducer(authority));
        for (String line : lines) {
            String[] parts = line.split("\t");
            try {
                byte[] pdf = Files.readAllBytes(Path.of(parts[2]));
                for (int i = 3; i < parts.length; i++) {
                    pdf = producers.get(parts[0]).apply(pdf, Step.parse(parts[i]));
                }
                Files.write(Path.of(parts[1]), pdf);
                System.out.println("made\t" + parts[1]);
            } catch (Exception | LinkageError problem) {
                // Reported and counted by make.py: a recipe that a library refuses is a finding about it.
                System.out.println("failed\t" + parts[1] + "\t" + reason(problem));
            }
        }
    }

    private static String reason(Throwable problem) {
        Throwable cause = problem;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        String where = cause.getStackTrace().length > 0 ? " at " + cause.getStackTrace()[0] : "";
        return (problem + " / " + cause + where).replaceAll("\\s+", " ");
    }
}
