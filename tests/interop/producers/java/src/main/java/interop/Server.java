package interop;

import java.io.BufferedReader;
import java.io.IOException;
import java.util.Locale;

/**
 * EU DSS kept warm: takes a line "visual NAME" or "plain NAME" at a time, answers it with one JSON object.
 *
 * <p>The time is that of the validation alone, on the clock of this process; "plain" leaves out the comparison
 * of pages as pictures, which DSS does by default.
 */
final class Server {

    private Server() {}

    static void serve(Validator validator, BufferedReader lines) throws IOException {
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split(" ", 2);
            long started = System.nanoTime();
            String answer = validator.judge(parts[1], parts[0].equals("visual"));
            double milliseconds = (System.nanoTime() - started) / 1e6;
            System.out.printf(Locale.ROOT, "{\"ms\": %.3f, %s}%n", milliseconds, answer);
            System.out.flush();
        }
    }
}
