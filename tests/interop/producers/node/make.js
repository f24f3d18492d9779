// Signs as the packages @signpdf/*, the older node-signpdf and zgapdfsigner do.
// node make.js AUTHORITY: recipes on standard input, one a line: tool, output, base and steps between tabs.

import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { plainAddPlaceholder } from '@signpdf/placeholder-plain';
import { pdflibAddPlaceholder } from '@signpdf/placeholder-pdf-lib';
import { P12Signer } from '@signpdf/signer-p12';
import signpdf from '@signpdf/signpdf';
import { SUBFILTER_ADOBE_PKCS7_DETACHED, SUBFILTER_ETSI_CADES_DETACHED } from '@signpdf/utils';
import { PDFDocument } from 'pdf-lib';

const require = createRequire(import.meta.url);
const { SignPdf } = require('node-signpdf');
const { PdfSigner } = require('zgapdfsigner');
const PASSPHRASE = 'interop';

function settingsOf(step) {
  const [verb, ...rest] = step.split(/ +/);
  return { verb, ...Object.fromEntries(rest.map((each) => [each.split('=')[0], each.split('=')[1] ?? ''])) };
}

async function sign(pdf, step, authority) {
  const p12 = fs.readFileSync(path.join(authority, `${step.key ?? 'rsa2048'}.p12`));
  const details = {
    reason: 'Uji coba',
    contactInfo: 'uji@interop.example',
    name: 'Penanda Uji',
    location: 'Contoh',
    signatureLength: 10000,
    subFilter: step.sub === 'cades' ? SUBFILTER_ETSI_CADES_DETACHED : SUBFILTER_ADOBE_PKCS7_DETACHED,
  };
  if ('visible' in step) details.widgetRect = [360, 640, 520, 690];
  let prepared;
  if (step.placeholder === 'pdf-lib') {
    const pdfDoc = await PDFDocument.load(pdf);
    pdflibAddPlaceholder({ pdfDoc, ...details });
    // Without object streams: what the next signature's plain placeholder can read.
    prepared = Buffer.from(await pdfDoc.save({ useObjectStreams: false }));
  } else {
    prepared = plainAddPlaceholder({ pdfBuffer: pdf, ...details });
  }
  if (step.placeholder === 'node-signpdf') return new SignPdf().sign(prepared, p12, { passphrase: PASSPHRASE });
  return signpdf.default
    ? signpdf.default.sign(prepared, new P12Signer(p12, { passphrase: PASSPHRASE }))
    : signpdf.sign(prepared, new P12Signer(p12, { passphrase: PASSPHRASE }));
}

// One pixel; what a visible signature shows does not matter here.
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
  'base64',
);

async function signWithZga(pdf, step, authority) {
  const p12cert = fs.readFileSync(path.join(authority, `${step.key ?? 'rsa2048'}.p12`));
  const option = { p12cert, pwd: PASSPHRASE, reason: 'Uji coba', location: 'Contoh', signame: step.field };
  if ('certify' in step) option.permission = Number(step.certify);
  if ('visible' in step) {
    const area = { x: 360, y: Number(step.y ?? 500), w: 60, h: 30 };
    option.drawinf = { area, pageidx: '0', imgInfo: { imgData: PICTURE, imgType: 'png' } };
  }
  return Buffer.from(await new PdfSigner(option).sign(pdf));
}

const [authority] = process.argv.slice(2);
for (const line of fs.readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const [tool, out, base, ...steps] = line.split('\t');
  try {
    let pdf = fs.readFileSync(base);
    for (const step of steps.map(settingsOf)) {
      if (step.verb !== 'sign') throw new Error(`${tool} cannot ${step.verb}`);
      pdf = await (tool === 'zgapdf' ? signWithZga : sign)(pdf, step, authority);
    }
    fs.writeFileSync(out, pdf);
    console.log(`made\t${out}`);
  } catch (problem) {
    // Reported and counted by make.py: a recipe that a library refuses is a finding about it.
    console.log(`failed\t${out}\t${String(problem).replaceAll(/\s+/g, ' ')}`);
  }
}
