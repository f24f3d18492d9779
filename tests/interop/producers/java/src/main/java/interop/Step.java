package interop;

import java.util.LinkedHashMap;
import java.util.Map;

/** One step of a recipe: a verb and its settings, as in {@code sign field=Pertama key=p256 visible}. */
record Step(String verb, Map<String, String> settings) {

    static Step parse(String text) {
        String[] words = text.trim().split(" +");
        Map<String, String> settings = new LinkedHashMap<>();
        for (int i = 1; i < words.length; i++) {
            int equals = words[i].indexOf('=');
            if (equals < 0) {
                settings.put(words[i], "");
            } else {
                settings.put(words[i].substring(0, equals), words[i].substring(equals + 1));
            }
        }
        return new Step(words[0], settings);
    }

    boolean has(String name) {
        return settings.containsKey(name);
    }

    String get(String name, String otherwise) {
        return settings.getOrDefault(name, otherwise);
    }

    String need(String name) {
        String value = settings.get(name);
        if (value == null) {
            throw new IllegalArgumentException("a step '" + verb + "' needs " + name);
        }
        return value;
    }

    int number(String name, int otherwise) {
        return has(name) ? Integer.parseInt(need(name)) : otherwise;
    }

    /** The digest as Java names it: SHA-256. */
    String digest() {
        return get("digest", "SHA-256");
    }

    UnsupportedOperationException unsupported(String tool) {
        return new UnsupportedOperationException(tool + " cannot: " + verb + " " + settings);
    }
}
