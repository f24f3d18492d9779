package interop;

import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.spi.x509.tsp.KeyEntityTSPSource;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;

/** The test CA that make.py wrote: signers by name, revocation data, and a time-stamp authority in this process. */
final class Authority {

    /** A private key with its certificate and those above it, root last. */
    record Identity(PrivateKey key, X509Certificate[] chain) {

        X509Certificate certificate() {
            return chain[0];
        }

        List<CertificateToken> tokens() {
            return Arrays.stream(chain).map(CertificateToken::new).toList();
        }

        /** The name of the signature algorithm as BouncyCastle's providers know it. */
        String algorithm(Step step) {
            String digest = step.digest().replaceFirst("^SHA-", "SHA");
            return switch (key.getAlgorithm()) {
                case "RSA" -> digest + (step.has("pss") ? "withRSAandMGF1" : "withRSA");
                case "EC", "ECDSA" -> digest + (step.has("plain") ? "withPLAIN-ECDSA" : "withECDSA");
                case "DSA" -> digest + "withDSA";
                case "Ed25519", "Ed448" -> key.getAlgorithm();
                default -> throw new IllegalArgumentException(key.getAlgorithm());
            };
        }
    }

    private final Path folder;
    private final Map<String, Identity> known = new HashMap<>();
    private final KeyEntityTSPSource timestamper;

    Authority(Path folder) throws IOException, GeneralSecurityException {
        this.folder = folder;
        Identity tsa = identity("tsa");
        timestamper = new KeyEntityTSPSource(tsa.key(), tsa.certificate(), List.of(tsa.chain()));
        timestamper.setTsaPolicy("2.999.3161.1");
    }

    Identity identity(String name) throws IOException, GeneralSecurityException {
        Identity identity = known.get(name);
        if (identity == null) {
            identity = new Identity(readKey(name), certificates(folder.resolve(name + ".chain.pem")));
            known.put(name, identity);
        }
        return identity;
    }

    Identity signer(Step step) throws IOException, GeneralSecurityException {
        return identity(step.get("key", "rsa2048"));
    }

    KeyEntityTSPSource timestamper() {
        return timestamper;
    }

    /** A time-stamp token (DER) over a digest. */
    byte[] timestamp(String digestName, byte[] digest) {
        return timestamper.getTimeStampResponse(DigestAlgorithm.forJavaName(digestName), digest).getBytes();
    }

    byte[] file(String name) throws IOException {
        return Files.readAllBytes(folder.resolve(name));
    }

    static X509Certificate[] certificates(Path file) throws IOException, GeneralSecurityException {
        List<X509Certificate> found = new ArrayList<>();
        JcaX509CertificateConverter converter = new JcaX509CertificateConverter().setProvider("BC");
        try (Reader reader = Files.newBufferedReader(file); PEMParser parser = new PEMParser(reader)) {
            for (Object object = parser.readObject(); object != null; object = parser.readObject()) {
                found.add(converter.getCertificate((X509CertificateHolder) object));
            }
        }
        return found.toArray(new X509Certificate[0]);
    }

    private PrivateKey readKey(String name) throws IOException {
        try (Reader reader = Files.newBufferedReader(folder.resolve(name + ".key.pem"));
                PEMParser parser = new PEMParser(reader)) {
            return new JcaPEMKeyConverter().setProvider("BC").getPrivateKey((PrivateKeyInfo) parser.readObject());
        }
    }
}
