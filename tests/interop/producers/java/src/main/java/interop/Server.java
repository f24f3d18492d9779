package interop;

import java.io.BufferedReader;
import java.nio.file.Path;
import java.util.Locale;

/**
 * EU DSS kept warm: takes a line at a time, answers it with one JSON object.
 *
 * <p>"visual NAME" and "plain NAME" validate; "plain" leaves out the comparison of pages as pictures, which DSS
 * does by default. "sign in=NAME out=NAME level=LTA key=p256" signs, with the authority in the root's folder.
 * The time is that of the validation or signature alone, on the clock of this process.
 */
final class Server {

    private Server() {}

    static void serve(Path root, BufferedReader lines) throws Exception {
        Validator validator = new Validator(root);
        Signing signing = null;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.startsWith("sign ")) {
                if (signing == null) {
                    signing = new Signing(new Authority(root.toAbsolutePath().getParent()));
                }
                System.out.println(sign(signing, Step.parse(line)));
                System.out.flush();
                continue;
            }
            String[] parts = line.split(" ", 2);
            long started = System.nanoTime();
            String answer = validator.judge(parts[1], parts[0].equals("visual"));
            double milliseconds = (System.nanoTime() - started) / 1e6;
            System.out.printf(Locale.ROOT, "{\"ms\": %.3f, %s}%n", milliseconds, answer);
            System.out.flush();
        }
    }

    private static String sign(Signing signing, Step step) {
        try {
            return String.format(Locale.ROOT, "{\"ms\": %.3f}", signing.sign(step));
        } catch (Exception problem) {
            return "{\"error\": " + Validator.quoted(String.valueOf(problem)) + "}";
        }
    }
}
