package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.Security;
import java.util.List;
import java.util.Map;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/** {@code make AUTHORITY}: recipes on standard input, as {@code interop.Main} of the other module takes them. */
public final class Elders {

    private Elders() {}

    public static void main(String[] arguments) throws Exception {
        System.setProperty("java.awt.headless", "true");
        Security.addProvider(new BouncyCastleProvider());
        List<String> lines;
        try (BufferedReader reader =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            lines = reader.lines().filter(line -> !line.isBlank()).toList();
        }
        Authority authority = new Authority(Path.of(arguments[1]));
        Recipes.make(
                lines,
                Map.of(
                        "pdfbox2", new PdfboxProducer(authority, new Pdfbox2()),
                        "itext5", new Itext5Producer(authority)));
    }
}
