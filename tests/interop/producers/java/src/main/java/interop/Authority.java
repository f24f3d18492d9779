package interop;

import java.io.IOException;
import java.io.Reader;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.oiw.OIWObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoGeneratorBuilder;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.tsp.TSPAlgorithms;
import org.bouncycastle.tsp.TimeStampRequestGenerator;
import org.bouncycastle.tsp.TimeStampTokenGenerator;
import org.bouncycastle.tsp.TimeStampResponseGenerator;

/** The test CA that make.py wrote: signers by name, revocation data, and a time-stamp authority in this process. */
final class Authority {

    /** A private key with its certificate and those above it, root last. */
    record Identity(PrivateKey key, X509Certificate[] chain) {

        X509Certificate certificate() {
            return chain[0];
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
    private BigInteger serial = BigInteger.valueOf(System.currentTimeMillis());

    Authority(Path folder) {
        this.folder = folder;
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

    /** A time-stamp token (DER) over a digest, with the certificates of the authority. */
    byte[] timestamp(String digestName, byte[] digest) {
        try {
            Identity tsa = identity("tsa");
            TimeStampTokenGenerator tokens =
                    new TimeStampTokenGenerator(
                            new JcaSimpleSignerInfoGeneratorBuilder()
                                    .build("SHA256withRSA", tsa.key(), tsa.certificate()),
                            new JcaDigestCalculatorProviderBuilder().setProvider("BC").build()
                                    .get(new AlgorithmIdentifier(NISTObjectIdentifiers.id_sha256)),
                            new ASN1ObjectIdentifier("2.999.3161.1"));
            tokens.addCertificates(new JcaCertStore(Arrays.asList(tsa.chain())));
            TimeStampRequestGenerator request = new TimeStampRequestGenerator();
            request.setCertReq(true);
            serial = serial.add(BigInteger.ONE);
            return new TimeStampResponseGenerator(tokens, TSPAlgorithms.ALLOWED)
                    .generate(request.generate(oid(digestName), digest), serial, new Date())
                    .getTimeStampToken()
                    .getEncoded("DER");
        } catch (Exception problem) {
            throw new IllegalStateException(problem);
        }
    }

    private static ASN1ObjectIdentifier oid(String digestName) {
        return switch (digestName) {
            case "SHA-1" -> OIWObjectIdentifiers.idSHA1;
            case "SHA-256" -> NISTObjectIdentifiers.id_sha256;
            case "SHA-384" -> NISTObjectIdentifiers.id_sha384;
            case "SHA-512" -> NISTObjectIdentifiers.id_sha512;
            default -> throw new IllegalArgumentException(digestName);
        };
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
