package interop;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Works through recipes: tool, output, base and steps between tabs; answers one line each on standard output. */
final class Recipes {

    private Recipes() {}

    static void make(List<String> lines, Map<String, Producer> producers) throws IOException {
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
