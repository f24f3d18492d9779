package interop;

import java.io.InputStream;
import java.security.MessageDigest;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bouncycastle.asn1.ASN1EncodableVector;
import org.bouncycastle.asn1.ASN1Primitive;
import org.bouncycastle.asn1.DERSet;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.cms.AttributeTable;
import org.bouncycastle.asn1.ess.ESSCertIDv2;
import org.bouncycastle.asn1.ess.SigningCertificateV2;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.DefaultSignedAttributeTableGenerator;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.SignerInformationStore;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/** CMS by BouncyCastle, as the many programs on PDFBox write it. */
final class Cms {

    private Cms() {}

    /** The signature over {@code content}; PAdES where the step says {@code sub=cades}. */
    static byte[] sign(InputStream content, Step step, Authority authority) throws Exception {
        Authority.Identity signer = authority.signer(step);
        ContentSigner engine =
                new JcaContentSignerBuilder(signer.algorithm(step)).setProvider("BC").build(signer.key());
        JcaSignerInfoGeneratorBuilder builder =
                new JcaSignerInfoGeneratorBuilder(new JcaDigestCalculatorProviderBuilder().setProvider("BC").build());
        boolean cades = step.get("sub", "pkcs7").equals("cades");
        if (cades) {
            builder.setSignedAttributeGenerator(new DefaultSignedAttributeTableGenerator(signingCertificate(signer)));
        } else if (step.has("bare")) {
            builder.setDirectSignature(true); // no signed attributes at all (RFC 5652, 5.4)
        }
        CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
        generator.addSignerInfoGenerator(builder.build(engine, signer.certificate()));
        List<X509Certificate> certificates = new ArrayList<>(Arrays.asList(signer.chain()));
        if (step.has("reversed")) {
            java.util.Collections.reverse(certificates);
        }
        generator.addCertificates(new JcaCertStore(certificates));
        byte[] signed = content.readAllBytes();
        boolean hashed = step.get("sub", "").equals("sha1");
        byte[] covered = hashed ? MessageDigest.getInstance("SHA-1").digest(signed) : signed;
        CMSSignedData data = generator.generate(new CMSProcessableByteArray(covered), hashed);
        if (step.get("level", "B").equals("T")) {
            data = stamped(data, authority);
        }
        // BER with indefinite lengths is what PDFBox's own example writes; DER where asked for.
        return step.has("der") ? data.toASN1Structure().getEncoded("DER") : data.getEncoded();
    }

    private static AttributeTable signingCertificate(Authority.Identity signer) throws Exception {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(signer.certificate().getEncoded());
        ESSCertIDv2 identifier = new ESSCertIDv2(new AlgorithmIdentifier(NISTObjectIdentifiers.id_sha256), digest);
        ASN1EncodableVector attributes = new ASN1EncodableVector();
        attributes.add(
                new Attribute(
                        PKCSObjectIdentifiers.id_aa_signingCertificateV2,
                        new DERSet(new SigningCertificateV2(new ESSCertIDv2[] {identifier}))));
        return new AttributeTable(attributes);
    }

    private static CMSSignedData stamped(CMSSignedData data, Authority authority) throws Exception {
        SignerInformation signer = data.getSignerInfos().getSigners().iterator().next();
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(signer.getSignature());
        ASN1EncodableVector unsigned = new ASN1EncodableVector();
        unsigned.add(
                new Attribute(
                        PKCSObjectIdentifiers.id_aa_signatureTimeStampToken,
                        new DERSet(ASN1Primitive.fromByteArray(authority.timestamp("SHA-256", digest)))));
        SignerInformation next = SignerInformation.replaceUnsignedAttributes(signer, new AttributeTable(unsigned));
        return CMSSignedData.replaceSigners(data, new SignerInformationStore(next));
    }
}
