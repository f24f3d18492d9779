package interop;

import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import eu.europa.esig.dss.enumerations.EncryptionAlgorithm;
import eu.europa.esig.dss.enumerations.SignatureAlgorithm;
import eu.europa.esig.dss.enumerations.SignatureLevel;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.InMemoryDocument;
import eu.europa.esig.dss.model.SignatureValue;
import eu.europa.esig.dss.model.TimestampBinary;
import eu.europa.esig.dss.model.ToBeSigned;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.pades.PAdESSignatureParameters;
import eu.europa.esig.dss.pades.signature.PAdESService;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.ExternalResourcesCRLSource;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Signature;
import java.util.Arrays;
import java.util.Date;
import java.util.List;

/**
 * EU DSS as a signer that nothing keeps waiting: key, revocation lists, authority and service stay in memory.
 *
 * <p>Signatures are computed by Java's own providers, which are faster than BouncyCastle's.
 */
final class Signing {

    private final Authority authority;
    private final PAdESService service;

    Signing(Authority authority) throws Exception {
        this.authority = authority;
        CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
        for (var certificate : authority.identity("tsa").chain()) {
            CertificateToken token = new CertificateToken(certificate);
            if (token.isSelfSigned()) {
                trusted.addCertificate(token);
            }
        }
        CommonCertificateVerifier verifier = new CommonCertificateVerifier();
        verifier.setTrustedCertSources(trusted);
        verifier.setCrlSource(
                new ExternalResourcesCRLSource(
                        new InMemoryDocument(authority.file("root.crl")),
                        new InMemoryDocument(authority.file("issuing.crl"))));
        service = new PAdESService(verifier);
        service.setTspSource((digest, value) -> new TimestampBinary(authority.timestamp(digest.getJavaName(), value)));
    }

    /** Signs as a step says ({@code in}, {@code out}, {@code level}, {@code key}); the milliseconds that took. */
    double sign(Step step) throws Exception {
        DSSDocument document = new InMemoryDocument(Files.readAllBytes(Path.of(step.need("in"))), "document.pdf");
        Authority.Identity signer = authority.signer(step);
        long started = System.nanoTime();
        DSSDocument signed = sign(document, signer, SignatureLevel.valueOf("PAdES_BASELINE_" + step.need("level")));
        double milliseconds = (System.nanoTime() - started) / 1e6;
        try (OutputStream out = Files.newOutputStream(Path.of(step.need("out")))) {
            signed.writeTo(out);
        }
        return milliseconds;
    }

    private DSSDocument sign(DSSDocument document, Authority.Identity signer, SignatureLevel level) throws Exception {
        List<CertificateToken> chain = Arrays.stream(signer.chain()).map(CertificateToken::new).toList();
        EncryptionAlgorithm encryption = EncryptionAlgorithm.forKey(signer.certificate().getPublicKey());
        PAdESSignatureParameters parameters = new PAdESSignatureParameters();
        parameters.setSigningCertificate(chain.get(0));
        parameters.setCertificateChain(chain);
        parameters.setDigestAlgorithm(DigestAlgorithm.SHA256);
        parameters.setEncryptionAlgorithm(encryption);
        parameters.setSignatureLevel(level);
        parameters.bLevel().setSigningDate(new Date());
        ToBeSigned toBeSigned = service.getDataToSign(document, parameters);
        SignatureAlgorithm algorithm = SignatureAlgorithm.getAlgorithm(encryption, DigestAlgorithm.SHA256);
        Signature engine = Signature.getInstance(algorithm.getJCEId());
        engine.initSign(signer.key());
        engine.update(toBeSigned.getBytes());
        return service.signDocument(document, parameters, new SignatureValue(algorithm, engine.sign()));
    }
}
