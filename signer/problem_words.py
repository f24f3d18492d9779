"""What a problem says in Indonesian, by its code; in English each error brings its own sentence.

The English sentence may be more exact (it can name a limit or a number); code and pointer are the
same in every language, so nothing is lost to a program.
"""

from __future__ import annotations

from typing import Literal

Language = Literal["id", "en"]

TITLES: dict[int, tuple[str, str]] = {
    400: ("Malformed JSON", "JSON tidak terbaca"),
    401: ("Authentication needed", "Perlu kunci API"),
    403: ("Not allowed", "Tidak diizinkan"),
    404: ("Not found", "Tidak ditemukan"),
    405: ("Method not allowed", "Metode tidak didukung"),
    408: ("Request timeout", "Terlalu lambat"),
    409: ("Conflict", "Bertentangan dengan register"),
    413: ("Content too large", "Isi terlalu besar"),
    422: ("Invalid request", "Permintaan tidak sah"),
    500: ("Internal error", "Kesalahan di pihak kami"),
    503: ("Temporarily unavailable", "Belum dapat dilayani"),
}
"""The title of each status, in English and Indonesian."""

SENTENCES: dict[str, str] = {
    # The body as a whole
    "MALFORMED_JSON": "Isi permintaan bukan JSON dengan satu arti saja; perbaiki di tempat yang ditunjuk.",
    "JSON_SYNTAX": "Bukan JSON yang sah; perbaiki di baris dan kolom yang disebut dalam teks Inggris.",
    "JSON_ENCODING": "Kirim teks dalam UTF-8.",
    "JSON_DEPTH": "Terlalu banyak tingkat; isian dokumen hampir datar.",
    "JSON_DUPLICATE_KEY": "Nama ini tertulis dua kali; sisakan satu.",
    "JSON_NUMBER": "JSON hanya mengenal bilangan terhingga; beri bilangan lain atau hapus.",
    "TEXT_INVALID": "Hapus karakter NUL atau surrogate tunggal.",
    "TOO_LARGE": "Permintaan terlalu besar; perkecil fotonya.",
    "INVALID_REQUEST": "Permintaan tidak berbentuk seperti yang diharapkan; tidak ada yang dicatat.",
    "VALIDATION": "Ada isian yang tidak dapat diterima; tidak ada yang dicatat.",
    # Fields
    "FIELDS_INVALID": "Ada isian yang kurang atau salah; tidak ada yang dicatat.",
    "FIELDS_DOUBTFUL": "Ada isian yang meragukan; perbaiki, atau pastikan di “overrides” dengan alasan.",
    "FIELD_REQUIRED": "Isian ini wajib.",
    "FIELD_UNKNOWN": "Isian ini tidak dikenal; hapus.",
    "FIELD_TYPE": "Jenis nilai JSON-nya keliru.",
    "FIELD_LENGTH": "Panjangnya tidak sesuai; lihat batasnya dalam skema.",
    "FIELD_VALUE": "Nilai ini tidak diterima; lihat bentuk atau pilihannya dalam skema.",
    "FIELD_DATE": "Beri tanggal yang ada dan masuk akal, dalam bentuk TTTT-BB-HH.",
    "FIELD_NUMBER": "Bilangan ini terlalu besar; kirim nomor panjang sebagai teks.",
    "FIELD_DEPTH": "Terlalu banyak tingkat; isian dokumen hampir datar.",
    "FIELD_CHARACTER": "Ada karakter yang tidak dapat dicetak; ganti atau hapus.",
    "FIELD_PHOTO": (
        "Foto tidak dapat dipakai; kirim PNG atau JPEG utuh 4 × 6, minimal 200 × 300 piksel, maksimal 2 MB."
    ),
    "NIK_INVALID": "NIK terdiri atas 16 angka dan berakhir dengan nomor urut mulai 0001.",
    "NIK_DATE_IMPOSSIBLE": "Angka ke-7 sampai ke-12 NIK bukan tanggal; periksa, atau beri alasan.",
    "NIK_BIRTH_MISMATCH": "NIK berbeda dari tanggal lahir atau jenis kelamin; periksa, atau beri alasan.",
    "NIP_INVALID": "NIP terdiri atas 18 angka: tanggal lahir, mulai dinas, jenis kelamin, nomor urut.",
    "ORDINAL_IN_USE": "Pemegang punya dokumen berlaku dengan urutan ini; perbaiki, atau beri alasan.",
    # The request around the fields
    "CAPACITY_NOT_ALLOWED": "Pejabat yang bertindak (a.n., Plt., Plh.) tidak boleh menandatangani jenis ini.",
    "UNKNOWN_TYPE": "Jenis dokumen ini tidak ada di sini; pilih jenis yang tersedia.",
    "TYPE_NOT_OFFERED": "Instansi ini tidak menerbitkan jenis dokumen tersebut.",
    "ALREADY_EXPIRED": "Masa berlakunya sudah habis; pilih tanggal yang berakhir di masa depan.",
    "VALID_FROM_RANGE": "Tanggal mulai terlalu jauh dari hari terbit; beri yang lebih dekat, atau kosongkan.",
    "EFFECTIVE_ON_RANGE": "Beri hari antara tanggal terbit dan akhir masa berlaku, atau kosongkan.",
    "REASON_MISSING": "Tuliskan mengapa nilai ini benar; alasan ini tetap tercatat.",
    "OVERRIDE_TWICE": "Kode ini dipastikan dua kali; sisakan satu alasan.",
    "OVERRIDE_NOT_NEEDED": "Tidak ada yang meragukan seperti itu dalam permintaan ini; hapus kode ini.",
    "OFFICER_MISSING": "Sebutkan id pejabat yang bertanggung jawab atas keputusan ini.",
    "OTHER_OFFICER": "Kunci API ini milik pejabat lain; kosongkan “officer” atau pakai kuncinya sendiri.",
    "UNKNOWN_OFFICER": "Instansi ini tidak punya pejabat dengan id tersebut.",
    "UNKNOWN_AGENCY": "Tidak ada instansi dengan id tersebut.",
    "SUCCESSOR_OR_FIELDS": "Beri salah satu: id dokumen pengganti, atau isian dokumen baru.",
    "NOT_WITH_SUCCESSOR": "Ini hanya untuk dokumen baru; hapus, atau beri “fields”, bukan “successor”.",
    "IDEMPOTENCY_KEY_MISSING": "Kirim tajuk Idempotency-Key, agar pengulangan tidak membuat dokumen kedua.",
    # Who asks
    "UNAUTHENTICATED": "Kirim kunci API yang sah sebagai “Authorization: Bearer KUNCI”.",
    "FORBIDDEN": "Kunci API ini tidak berwenang untuk itu, atau bukan kunci seorang pejabat.",
    # What the register holds
    "DOCUMENT_NOT_FOUND": "Instansi ini tidak punya dokumen tersebut.",
    "NOT_FOUND": "Tidak ada apa pun di alamat ini.",
    "METHOD_NOT_ALLOWED": "Alamat ini tidak melayani metode tersebut.",
    "HTTP_ERROR": "Permintaan ini tidak dapat dilayani.",
    "CONFLICT": "Permintaan bertentangan dengan isi register.",
    "IDEMPOTENCY_KEY_REUSED": "Idempotency-Key ini sudah dipakai untuk permintaan lain; pakai kunci baru.",
    "NO_SIGNATORY": "Peran penanda tangan harus dipegang tepat satu pejabat aktif yang memiliki kunci.",
    "NUMBER_TOO_LONG": "Nomor tidak muat dalam kode QR; pendekkan pola nomor atau singkatan instansi.",
    "SAME_PLACE": "Pemegang sudah punya dokumen untuk tempat yang sama; cabut atau ganti dulu dokumen itu.",
    "TOO_MANY_IN_FORCE": "Pemegang sudah punya sebanyak yang boleh; cabut atau ganti salah satu dulu.",
    "OTHER_TYPE": "Dokumen hanya digantikan oleh dokumen sejenis.",
    "OTHER_HOLDER": "Dokumen hanya digantikan oleh dokumen milik pemegang yang sama.",
    "SUCCESSOR_IS_ITSELF": "Dokumen tidak dapat menggantikan dirinya sendiri.",
    "SUCCESSOR_NOT_ISSUED": "Dokumen pengganti belum terbit; sebutkan lagi sesudah terbit.",
    "SUCCESSOR_NOT_IN_FORCE": "Dokumen pengganti tidak sedang berlaku, atau akan dicabut.",
    "NOT_ISSUED": "Dokumen ini belum terbit; untuk menghentikannya, batalkan.",
    "NOT_PREPARED": "Tidak ada naskah yang menunggu persetujuan; tanyakan keadaan dokumennya.",
    "NO_APPROVAL_NEEDED": "Jenis dokumen ini terbit tanpa persetujuan.",
    "OTHER_DIGEST": "Sidik ini bukan milik naskah yang disiapkan; buka lagi dan setujui yang Anda lihat.",
    "NOT_SUSPENDED": "Dokumen ini tidak sedang ditangguhkan.",
    "ALREADY_SUSPENDED": "Dokumen ini sudah ditangguhkan.",
    "VALIDITY_ENDED": "Masa berlaku dokumen ini sudah habis; tidak ada yang dapat ditangguhkan.",
    "ALREADY_REVOKED": "Dokumen ini sudah dicabut; pencabutan yang direncanakan hanya dapat dimajukan.",
    "ALREADY_ENDED": "Dokumen ini sudah digantikan, atau penggantinya sedang diproses.",
    "ALREADY_ANNULLED": "Dokumen ini sudah dibatalkan; statusnya tidak dapat berubah lagi.",
    # Signing sessions
    "NOT_WAITING": "Dokumen ini tidak (lagi) menunggu sesi penandatanganan; keluarkan dari daftar.",
    "NOTHING_TO_SIGN": "Tidak ada dokumen yang menunggu tanda tangan pejabat ini.",
    "SEVERAL_KEYS": "Dokumen-dokumen ini memerlukan kunci yang berlainan; sebutkan salah satu.",
    "TOO_MANY_DOCUMENTS": "Satu sesi memuat paling banyak 1000 dokumen; sebutkan lebih sedikit.",
    "NO_WORKER": "Tidak ada proses penanda tangan yang berjalan; jalankan, lalu mulai sesi lagi.",
    "SESSION_NOT_FOUND": "Instansi atau pejabat ini tidak punya sesi penandatanganan tersebut.",
    "SESSION_ENDED": "Sesi ini tidak (lagi) menerima frasa sandi; mulai sesi baru.",
    "SESSION_EXPIRED": "Sesi penandatanganan melewati batas waktunya; mulai sesi baru.",
    "WORKER_LOST": "Proses penanda tangan terhenti sebelum selesai; mulai sesi baru dan ketik lagi.",
    "SECRET_UNREADABLE": "Frasa sandi tidak terbaca: dienkripsi untuk sesi lain; mulai sesi baru.",
    "CONSENT_NEEDED": "Kunci ini tidak menerima frasa sandi; pejabatnya menyetujui lewat “consent_url”.",
    "CONSENT_UNKNOWN": "Tidak ada sesi yang menunggu persetujuan ini; mulai sesi di aplikasi.",
    "CONSENT_USED": "Persetujuan ini sudah pernah disampaikan; hanya berlaku sekali. Kembali ke aplikasi.",
    "CONSENT_MALFORMED": "Alamat ini tidak lengkap; mulai lagi di aplikasi.",
    "CONSENT_REFUSED": "Pejabat menolak menyetujui; tidak ada yang ditandatangani.",
    "CONSENT_FAILED": "Layanan penandatanganan tidak memberi persetujuan; mulai sesi baru.",
    "NOT_SIGNED": "Dokumen ini tidak ditandatangani dalam sesi ini; tanyakan keadaannya.",
    # What a remote signing service says
    "KEY_AUTHORISATION": "Persetujuan pejabat tidak (lagi) berlaku untuk dokumen ini; mulai sesi baru.",
    "KEY_TOO_MANY": "Layanan tidak menerima dokumen sebanyak ini sekaligus; sebutkan lebih sedikit.",
    "KEY_PIN": "Layanan menolak PIN, atau mengunci kuncinya; periksa sebelum mencoba lagi.",
    "KEY_OTP": "Layanan menolak kata sandi sekali pakai; mulai sesi baru dengan yang berikutnya.",
    "KEY_LOGIN": "Layanan menolak akun kami; hubungi pengelola layanan.",
    "KEY_DISABLED": "Menurut layanan, kunci atau sertifikat ini tidak boleh dipakai.",
    "KEY_ANSWER": "Layanan menjawab lain dari yang diminta; hubungi pengelola layanan.",
    "KEY_MISSING": "Kunci ini tidak ada di layanan; hubungi pengelola layanan.",
    "KEY_SERVICE": "Layanan penandatanganan belum menjawab; mulai sesi baru sebentar lagi.",
    # What BSrE says
    "KEY_LOCKED": "Kunci ini baru dapat dipakai setelah pejabatnya mengetik frasa sandi.",
    "KEY_CAPABILITY": "Kunci ini tidak menerima TOTP; ketik frasa sandinya.",
    "KEY_PASSPHRASE": "Frasa sandi atau TOTP salah, dan BSrE menghitungnya; periksa sebelum mencoba lagi.",
    "KEY_USER": "BSrE tidak mengenal pejabat ini; periksa NIK atau surel, dan pendaftarannya di BSrE.",
    "KEY_USER_STATUS": "Sertifikat pejabat ini di BSrE tidak berstatus ISSUE; selesaikan dengan BSrE.",
    "KEY_ACTIVATION": (
        "BSrE tidak (lagi) menerima aktivasi segel elektronik; aktifkan kembali, lalu tulis TOTP yang dikirim"
        " BSrE ke file aktivasinya."
    ),
    "KEY_PROVIDER": "Layanan eSign BSrE belum menjawab; coba lagi.",
    "PROVIDER_REFUSED": "BSrE menolak menandatangani dokumen ini; hubungi pengelola layanan.",
    "REPLY_LOST": "BSrE mungkin sudah menandatangani, tetapi jawabannya hilang; hubungi pengelola layanan.",
    "PROVIDER_ALTERED": "BSrE mengembalikan dokumen lain; tidak ada yang diterbitkan, hubungi pengelola.",
    "PROVIDER_VISIBLE": "BSrE menggambar tanda tangan di halaman; tidak ada yang diterbitkan.",
    "PROVIDER_UNSIGNED": "BSrE mengembalikan dokumen tanpa tanda tangan; tidak ada yang diterbitkan.",
    "PROVIDER_SIGNER": "Tanda tangannya bukan milik pejabat itu; tidak ada yang diterbitkan.",
    "PROVIDER_BROKEN": "Tanda tangan dari BSrE tidak sah; tidak ada yang diterbitkan.",
    # Files of other issuers, and files to be signed
    "MALFORMED_FORM": "Formulirnya rusak atau terpotong; kirim sekali lagi.",
    "NOT_A_FORM": "Kirim file sebagai multipart/form-data, di bagian bernama “file”.",
    "NO_FILE": "Pilih file, dan kirim di bagian bernama “file”.",
    "PART_TWICE": "Formulirnya memuat bagian yang sama dua kali; sisakan satu.",
    "TOO_MANY_PARTS": "Formulirnya memuat terlalu banyak bagian.",
    "FIELD_TOO_LONG": "Satu isian dalam formulir terlalu panjang.",
    "UPLOAD_TIMEOUT": "File berhenti datang; periksa sambungan dan kirim sekali lagi.",
    "UPLOAD_BUSY": "Terlalu banyak file sedang diterima; coba lagi sebentar lagi.",
    "SANDBOX_BUSY": "Terlalu banyak file sedang diperiksa; coba lagi sebentar lagi.",
    "SANDBOX_UNAVAILABLE": "File belum dapat diperiksa; coba lagi.",
    "CUSTODY_UNREADABLE": "File ini tidak dapat diperiksa; minta aslinya kepada penerbitnya.",
    "CUSTODY_ALTERED": "File ini berubah setelah ditandatangani; minta aslinya kepada penerbitnya.",
    "CUSTODY_REVOKED_SIGNER": "Sertifikat penanda tangannya sudah dicabut; minta asli yang baru.",
    "CUSTODY_UNSIGNED": "File ini tanpa tanda tangan; minta aslinya, atau beri alasan di “accept_unsigned”.",
    "CUSTODY_UNTRUSTED_SIGNER": (
        "Penanda tangannya tidak dapat dipastikan di sini; daftarkan sertifikat induknya, "
        "atau beri alasan di “accept_untrusted”."
    ),
    "ALREADY_KEPT": "Instansi ini sudah menyimpan file yang sama.",
    "ISSUED_HERE": "File ini dokumen yang diterbitkan di sini; tidak perlu dititipkan.",
    "STAGING_CORRUPT": "Area persiapan mengembalikan isi yang lain dari yang disimpan; hubungi pengelola.",
    "ARCHIVE_CORRUPT": "Arsip mengembalikan isi yang lain; hubungi pengelola layanan.",
    # Our side
    "UNAVAILABLE": "Layanan belum dapat menjawab; tidak ada yang hilang, coba lagi.",
    "DATABASE_UNAVAILABLE": "Basis data register belum menjawab; coba lagi.",
    "ARCHIVE_UNAVAILABLE": "Arsip belum menjawab; coba lagi.",
    "STORAGE_FULL": "Arsip penuh; hubungi pengelola layanan.",
    "OBJECT_MISSING": "Berkasnya tidak ada dalam arsip; hubungi pengelola layanan.",
    "OBJECT_DIFFERS": "Berkas dalam arsip bukan yang tercatat; hubungi pengelola layanan.",
    "NOT_STAGING": "Terjadi kesalahan di pihak kami; tidak ada yang dicatat.",
    "MISCONFIGURED": "Terjadi kesalahan di pihak kami; tidak ada yang dicatat.",
    "MASTER_KEY": "Terjadi kesalahan di pihak kami; tidak ada yang dicatat.",
    "INTERNAL": "Terjadi kesalahan di pihak kami; tidak ada yang dicatat.",
}
"""The Indonesian sentence of each code of a problem, and of each thing wrong with a value."""


def title(status: int, language: Language) -> str:
    """The title of a problem with this HTTP status."""
    english, indonesian = TITLES.get(status, ("Problem", "Masalah"))
    return indonesian if language == "id" else english


def sentence(code: str, english: str, language: Language) -> str:
    """What to tell the reader; the error's own English sentence where there is no other."""
    return SENTENCES.get(code, english) if language == "id" else english


def preferred(accept_language: str) -> Language:
    """The language that an Accept-Language header (RFC 9110, section 12.5.4) asks for.

    English, the language of the API, unless Indonesian is preferred to it.
    """
    weights = {"id": 0.0, "en": 0.0}
    for item in accept_language[:200].split(","):
        tag, _, quality = item.replace(" ", "").partition(";q=")
        language = tag.partition("-")[0].lower()
        if language in weights:
            try:
                weights[language] = max(weights[language], float(quality or 1))
            except ValueError:
                continue  # a weight that is none says nothing
    return "id" if weights["id"] > weights["en"] else "en"
