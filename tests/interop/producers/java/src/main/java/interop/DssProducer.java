package interop;

import eu.europa.esig.dss.enumerations.CertificationPermission;
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
import eu.europa.esig.dss.pades.PAdESTimestampParameters;
import eu.europa.esig.dss.pades.SignatureFieldParameters;
import eu.europa.esig.dss.pades.SignatureImageParameters;
import eu.europa.esig.dss.pades.SignatureImageTextParameters;
import eu.europa.esig.dss.pades.signature.PAdESService;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.ExternalResourcesCRLSource;
import eu.europa.esig.dss.spi.x509.revocation.ocsp.ExternalResourcesOCSPSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.security.Signature;
import java.util.Arrays;
import java.util.Date;
import java.util.List;

/** EU DSS: PAdES from B-B to B-LTA, extension, document time-stamps, empty fields. */
final class DssProducer implements Producer {

    private final Authority authority;

    DssProducer(Authority authority) {
        this.authority = authority;
    }

    @Override
    public byte[] apply(byte[] pdf, Step step) throws Exception {
        DSSDocument document = new InMemoryDocument(pdf, "document.pdf");
        PAdESService service = service(step);
        DSSDocument next =
                switch (step.verb()) {
                    case "sign" -> sign(service, document, step);
                    case "extend" -> extend(service, document, step);
                    case "stamp" -> service.timestamp(document, stampParameters(step));
                    case "field" -> service.addNewSignatureField(document, field(step));
                    default -> throw step.unsupported("DSS");
                };
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        next.writeTo(out);
        return out.toByteArray();
    }

    private static List<CertificateToken> tokens(Authority.Identity identity) {
        return Arrays.stream(identity.chain()).map(CertificateToken::new).toList();
    }

    private DSSDocument sign(PAdESService service, DSSDocument document, Step step) throws Exception {
        Authority.Identity signer = authority.signer(step);
        DigestAlgorithm digest = DigestAlgorithm.forJavaName(step.digest());
        PAdESSignatureParameters parameters = new PAdESSignatureParameters();
        parameters.setSigningCertificate(tokens(signer).get(0));
        parameters.setCertificateChain(tokens(signer));
        parameters.setDigestAlgorithm(digest);
        EncryptionAlgorithm encryption =
                step.has("pss")
                        ? EncryptionAlgorithm.RSASSA_PSS
                        : step.has("plain")
                                ? EncryptionAlgorithm.PLAIN_ECDSA
                                : EncryptionAlgorithm.forKey(signer.certificate().getPublicKey());
        parameters.setEncryptionAlgorithm(encryption);
        parameters.setSignatureLevel(level(step));
        parameters.bLevel().setSigningDate(new Date());
        parameters.setReason("Uji coba");
        parameters.setIncludeVRIDictionary(step.has("vri"));
        if (step.has("sub")) {
            parameters.setSubFilter(step.need("sub").equals("pkcs7") ? "adbe.pkcs7.detached" : "ETSI.CAdES.detached");
        }
        if (step.has("certify")) {
            parameters.setPermission(
                    switch (step.number("certify", 2)) {
                        case 1 -> CertificationPermission.NO_CHANGE_PERMITTED;
                        case 2 -> CertificationPermission.MINIMAL_CHANGES_PERMITTED;
                        default -> CertificationPermission.CHANGES_PERMITTED;
                    });
        }
        if (step.has("visible")) {
            parameters.setImageParameters(appearance(step));
        } else if (step.has("field")) {
            SignatureFieldParameters field = new SignatureFieldParameters();
            field.setFieldId(step.need("field"));
            parameters.getImageParameters().setFieldParameters(field);
        }
        ToBeSigned toBeSigned = service.getDataToSign(document, parameters);
        SignatureAlgorithm algorithm = SignatureAlgorithm.getAlgorithm(encryption, digest);
        Signature engine = Signature.getInstance(signer.algorithm(step), "BC");
        engine.initSign(signer.key());
        engine.update(toBeSigned.getBytes());
        return service.signDocument(document, parameters, new SignatureValue(algorithm, engine.sign()));
    }

    private DSSDocument extend(PAdESService service, DSSDocument document, Step step) {
        PAdESSignatureParameters parameters = new PAdESSignatureParameters();
        parameters.setSignatureLevel(level(step));
        parameters.setIncludeVRIDictionary(step.has("vri"));
        return service.extendDocument(document, parameters);
    }

    private static PAdESTimestampParameters stampParameters(Step step) {
        return new PAdESTimestampParameters(DigestAlgorithm.forJavaName(step.digest()));
    }

    private static SignatureLevel level(Step step) {
        return SignatureLevel.valueOf("PAdES_BASELINE_" + step.get("level", "B"));
    }

    private static SignatureFieldParameters field(Step step) {
        SignatureFieldParameters field = new SignatureFieldParameters();
        if (step.has("field") && !step.has("visible")) {
            field.setFieldId(step.need("field")); // DSS names the fields it makes itself
        }
        field.setOriginX(350);
        field.setOriginY(step.number("y", 700));
        field.setWidth(160);
        field.setHeight(50);
        return field;
    }

    private static SignatureImageParameters appearance(Step step) {
        SignatureImageTextParameters text = new SignatureImageTextParameters();
        text.setText("Ditandatangani secara elektronik");
        SignatureImageParameters image = new SignatureImageParameters();
        image.setFieldParameters(field(step));
        image.setTextParameters(text);
        return image;
    }

    private PAdESService service(Step step) throws IOException {
        CommonCertificateVerifier verifier = new CommonCertificateVerifier();
        try {
            CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
            for (var token : tokens(authority.identity("tsa"))) {
                if (token.isSelfSigned()) {
                    trusted.addCertificate(token);
                }
            }
            verifier.setTrustedCertSources(trusted);
        } catch (java.security.GeneralSecurityException problem) {
            throw new IOException(problem);
        }
        if (step.has("ocsp")) {
            verifier.setOcspSource(
                    new ExternalResourcesOCSPSource(
                            new InMemoryDocument(authority.file(step.get("key", "rsa2048") + ".ocsp")),
                            new InMemoryDocument(authority.file("tsa.ocsp")),
                            new InMemoryDocument(authority.file("issuing.ocsp"))));
        } else {
            verifier.setCrlSource(
                    new ExternalResourcesCRLSource(
                            new InMemoryDocument(authority.file("root.crl")),
                            new InMemoryDocument(authority.file("issuing.crl"))));
        }
        PAdESService service = new PAdESService(verifier);
        service.setTspSource((digest, value) -> new TimestampBinary(authority.timestamp(digest.getJavaName(), value)));
        return service;
    }
}
