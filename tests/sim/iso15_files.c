/*
 * What is in the files of simulated ISO 7816-15 cards (fact sheet
 * iso7816-pkcs15, section 3), as OpenSC's tools write them.
 */
#include "tests/sim/iso15_int.h"

#include <stdio.h>
#include <string.h>

#include <openssl/x509.h>

#include "card/error.h"
#include "tests/sim/template.h"

enum { PAD = 256, FILE_MAX = 65535, OBJECT_MAX = 4096 };

static bool is(const char *name, const char *start)
{
    return strncmp(name, start, strlen(start)) == 0;
}

uint16_t iso15_key_fid(size_t index)
{
    return (uint16_t)(0x4B01 + index);
}

uint8_t iso15_key_ref(const struct iso15_sim *c, size_t index)
{
    return (uint8_t)(c->kind == ISO15_PLAIN ? 0x81 + index : index);
}

/* ---- files --------------------------------------------------------------- */

/* `path` is hex; content of `cap` bytes is to be filled. */
static struct iso15_file *add(struct iso15_sim *c, const char *path,
                              size_t cap)
{
    struct iso15_file *f = &c->file[c->file_count];
    struct buf out = BUF_ON(f->path);

    if (c->file_count == ISO15_MAX_FILES)
        return NULL;
    memset(f, 0, sizeof(*f));
    if (bytes_from_hex(path, &out) < 0 || buf_new(&f->content, cap) < 0)
        return NULL;
    f->path_len = out.len;
    f->df = cap == 1;
    c->file_count++;
    return f;
}

static struct iso15_file *add_df(struct iso15_sim *c, const char *path)
{
    return add(c, path, 1);
}

/* As files on cards are: made larger than what is written into them. */
static int pad(struct buf *content)
{
    int rc = 0;

    while (rc == 0 && content->len % PAD != 0)
        rc = buf_put_u8(content, 0);
    return rc;
}

/* ---- objects ------------------------------------------------------------- */

/* Objects without an iD or value: they are nobody's, and take room. */
static int put_many(const struct iso15_sim *c, struct buf *out)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < c->many && out->len + 512 < out->cap;
         i++)
        rc = template_put(out, "30 (05 00)", NULL);
    return rc;
}

static int put_key(const struct iso15_sim *c, size_t i, struct buf *out)
{
    static const uint8_t app[] = {0x3F, 0x00, 0x50, 0x15};
    static const uint8_t inner[] = {0x3F, 0x00, 0x50, 0x15, 0x50, 0x16};
    const char *name = c->names[i];
    bool rsa = sim_key_is_rsa(c->keys.key[i]);
    uint16_t bits = (uint16_t)EVP_PKEY_get_bits(c->keys.key[i]);
    uint16_t fid = iso15_key_fid(i);
    uint8_t id = (uint8_t)(0x45 + i), ref = iso15_key_ref(c, i);
    const uint8_t number[] = {(uint8_t)(bits >> 8), (uint8_t)bits};
    const uint8_t file[] = {0x3F, 0x00, 0x50, 0x15, (uint8_t)(fid >> 8),
                            (uint8_t)fid};
    struct bytes args[] = {
        bytes_of_string(name),
        bytes_from(&id, 1),
        bytes_from(&ref, 1),
        c->kind == ISO15_MYEID ? BYTES_OF(file)
        : c->local             ? BYTES_OF(inner)
                               : BYTES_OF(app),
        BYTES_OF(number),
    };
    /* nonRepudiation; derive; decrypt, unwrap; these and sign; sign */
    const char *usage = is(name, "sign") || is(name, "ec-sign")
                            ? "03 03 06 00 40"
                        : is(name, "ec-decrypt") ? "03 03 07 00 80"
                        : is(name, "decrypt")    ? "03 02 02 44"
                        : is(name, "rsa")        ? "03 02 02 64"
                                                 : "03 02 05 20";
    char text[200];

    snprintf(text, sizeof(text),
             "%s (30 (0C ($0) 03 02 07 80 04 01 01 %s) 30 (04 ($1) %s %s "
             "02 ($2)) A1 (30 (30 (04 ($3)) 02 ($4))))",
             rsa ? "30" : "A0", is(name, "sign") ? "02 01 01" : "", usage,
             rsa ? "" : "01 01 FF");
    return template_put(out, text, args);
}

static int put_keys(const struct iso15_sim *c, struct buf *out)
{
    int rc = put_many(c, out);

    for (size_t i = 0; rc == 0 && i < c->keys.count; i++)
        rc = put_key(c, i, out);
    return rc;
}

/* The certificate of key i, wherever it lies. */
static int put_cert_value(const struct iso15_sim *c, size_t i, size_t offset,
                          struct buf *out)
{
    const uint8_t file[] = {0x3F, 0x00, 0x50, 0x15, 0x43,
                            (uint8_t)(c->certs == CERTS_SHARED ? 1 : 1 + i)};
    const uint8_t start[] = {0x00, (uint8_t)(offset >> 8), (uint8_t)offset};
    size_t len = c->keys.cert[i].len;
    const uint8_t length[] = {0x00, (uint8_t)(len >> 8), (uint8_t)len};
    struct bytes args[] = {BYTES_OF(file), BYTES_OF(start), BYTES_OF(length),
                           buf_view(&c->keys.cert[i])};

    if (c->certs == CERTS_INLINE)
        return template_put(out, "A0 ($3)", args);
    if (c->certs == CERTS_SHARED)
        return template_put(out, "30 (04 ($0) 02 ($1) 80 ($2))", args);
    return template_put(out, "30 (04 ($0))", args);
}

static int put_cert(const struct iso15_sim *c, size_t i, size_t offset,
                    struct buf *out)
{
    uint8_t space[OBJECT_MAX], id = (uint8_t)(0x45 + i);
    struct buf value = BUF_ON(space);
    struct bytes args[] = {bytes_of_string(c->names[i]), bytes_from(&id, 1),
                           {NULL, 0}};
    int rc = put_cert_value(c, i, offset, &value);

    args[2] = buf_view(&value);
    return rc < 0 ? rc
                  : template_put(out, "30 (30 (0C ($0)) 30 (04 ($1)) "
                                 "A1 (30 ($2)))", args);
}

static int put_certs(const struct iso15_sim *c, struct buf *out)
{
    size_t offset = 0;
    int rc = put_many(c, out);

    for (size_t i = 0; rc == 0 && i < c->keys.count; i++) {
        rc = put_cert(c, i, offset, out);
        offset += c->keys.cert[i].len;
    }
    return rc;
}

/* A SubjectPublicKeyInfo in a file, as of EC keys; RSAPublicKey inline. */
static int put_public(const struct iso15_sim *c, size_t i, struct buf *out)
{
    const uint8_t file[] = {0x50, 0x15, 0x55, (uint8_t)(1 + i)};
    uint8_t id = (uint8_t)(0x45 + i), n_space[1024], e_space[16];
    struct buf n = BUF_ON(n_space), e = BUF_ON(e_space);
    uint16_t bits = (uint16_t)EVP_PKEY_get_bits(c->keys.key[i]);
    const uint8_t number[] = {(uint8_t)(bits >> 8), (uint8_t)bits};
    struct bytes args[6] = {bytes_from(&id, 1), bytes_from(file + 2, 2),
                            BYTES_OF(number)};

    if (!sim_key_is_rsa(c->keys.key[i]))
        return template_put(out, "A0 (30 (0C (70)) 30 (04 ($0) 03 02 01 02) "
                            "A1 (30 (30 (04 ($1)) 02 ($2))))", args);
    if (sim_public_rsa(c->keys.key[i], &n, &e) < 0)
        return CARD_E_BUFFER;
    args[3] = buf_view(&n);
    args[4] = buf_view(&e);
    return template_put(out, "30 (30 (0C (70)) 30 (04 ($0) 03 02 01 02) "
                        "A1 (30 (A0 (30 (02 (00 $3) 02 ($4))) 02 ($2))))",
                        args);
}

static int put_publics(const struct iso15_sim *c, struct buf *out)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < c->keys.count; i++)
        rc = put_public(c, i, out);
    return rc;
}

/* needs-padding is bit 5, local bit 1, of the user's PIN and the PUK. */
static int put_pins(const struct iso15_sim *c, struct buf *out)
{
    static const char *const forms[] = {
        [PIN_ASCII] = "03 02 02 4C 0A 01 01 02 01 04 02 01 08 02 01 08",
        [PIN_BCD] = "03 02 02 4C 0A 01 00 02 01 04 02 01 08 02 01 0C",
        [PIN_ISO9564] = "03 02 02 4C 0A 01 04 02 01 04 02 01 08 02 01 0C",
        [PIN_BARE] = "03 02 03 48 0A 01 01 02 01 04 02 01 00 02 01 10"};
    bool applet = c->kind == ISO15_ISOAPPLET;
    const char *puk = applet ? "10" : "08";
    const char *form =
        applet ? "03 02 02 0C 0A 01 01 02 01 04 02 01 10 02 01 10"
               : forms[c->pin_format];
    const char *path = c->local ? "30 (04 (3F 00 50 15 50 16))" : "";
    bool own = c->kind == ISO15_PLAIN;
    char text[400];

    snprintf(text, sizeof(text),
             "30 (30 (0C ('User PIN') 03 02 07 80 04 01 02) 30 (04 01 01) "
             "A1 (30 (%s 80 01 %s 04 01 %s %s))) "
             "30 (30 (0C ('PUK')) 30 (04 01 02) A1 (30 (03 02 01 02 0A 01 01 "
             "02 01 %s 02 01 %s 02 01 %s 80 01 %s)))",
             form, own ? "81" : "01", applet ? "00" : "FF", path, puk, puk,
             puk, own ? "82" : "02");
    return template_put(out, text, NULL);
}

/* The ODF names the directories absolutely, the PuKDF by its FID alone. */
static int put_odf(const struct iso15_sim *c, struct buf *out)
{
    return template_put(
        out, c->loop ? "A0 (30 (04 (50 31))) A1 (30 (04 (50 31))) "
                       "A4 (30 (04 (50 31)) 30 (04 (3F 00 50 15 50 31)) "
                       "30 (04 (3F 00 50 15 50 31) 02 01 02 80 01 20)) "
                       "A8 (30 (04 (50 31)))"
                     : "A0 (30 (04 (3F 00 50 15 44 02))) "
                       "A1 (30 (04 (44 03))) "
                       "A4 (30 (04 (3F 00 50 15 44 04))) "
                       "A8 (30 (04 (3F 00 50 15 44 01)))",
        NULL);
}

static int put_algorithms(const struct iso15_sim *c, struct buf *out)
{
    uint8_t reference = 0;
    int rc = 0;

    for (const struct iso15_algorithm *a = iso15_algorithms(c);
         rc == 0 && a->mechanism != 0; a++) {
        const uint8_t mechanism[] = {(uint8_t)(a->mechanism >> 8),
                                     (uint8_t)a->mechanism};
        struct bytes args[] = {bytes_from(&reference, 1), BYTES_OF(mechanism),
                               bytes_from(&a->operation, 1),
                               bytes_from(&a->alg, 1)};

        reference++;
        rc = template_put(out, "30 (02 ($0) 02 ($1) 05 00 03 (00 $2) 02 ($3))",
                          args);
    }
    return rc;
}

static int put_info(const struct iso15_sim *c, struct buf *out)
{
    uint8_t serial_space[16], alg_space[512];
    struct buf serial = BUF_ON(serial_space), algs = BUF_ON(alg_space);
    struct bytes args[3];
    char text[160];
    int rc;

    if ((rc = bytes_from_hex(c->serial, &serial)) < 0 ||
        (rc = put_algorithms(c, &algs)) < 0)
        return rc;
    args[0] = buf_view(&serial);
    args[1] = buf_view(&algs);
    args[2] = bytes_of_string(c->update);
    snprintf(text, sizeof(text),
             "30 (02 01 00 04 ($0) 0C ('TEST maker') 80 ('TEST card') "
             "03 02 04 10 %s %s)",
             c->algorithms != ALGS_NO ? "A2 ($1)" : "",
             strcmp(c->update, "no") != 0 ? "A5 (18 ($2))" : "");
    return template_put(out, text, args);
}

static int put_dir(const struct iso15_sim *c, struct buf *out)
{
    const char *path = c->dir == DIR_AID     ? ""
                       : c->dir == DIR_SHORT ? "51 (50 15)"
                                             : "51 (3F 00 50 15)";
    char text[120];

    snprintf(text, sizeof(text), "61 (4F ('another')) 61 (4F (A0 00 00 00 63 "
             "'PKCS-15') 50 ('TEST card') %s)", path);
    return template_put(out, text, NULL);
}

/* ---- all ----------------------------------------------------------------- */

typedef int put_fn(const struct iso15_sim *c, struct buf *out);

static int add_file(struct iso15_sim *c, const char *path, put_fn *put,
                    size_t cap)
{
    struct iso15_file *f = add(c, path, cap);
    int rc;

    if (f == NULL)
        return card_fail(CARD_E_LIMIT, "iso15: too many files");
    rc = put(c, &f->content);
    return rc < 0 ? rc : pad(&f->content);
}

static int add_cert_file(struct iso15_sim *c, size_t i)
{
    const struct buf *cert = &c->keys.cert[i];
    struct iso15_file *f;
    char path[16];
    int rc;

    snprintf(path, sizeof(path), "501543%02X", (unsigned)(1 + i));
    if ((f = add(c, path, cert->len + c->big + 1)) == NULL)
        return card_fail(CARD_E_LIMIT, "iso15: too many files");
    if ((rc = buf_put(&f->content, buf_view(cert))) < 0)
        return rc;
    memset(f->content.data + f->content.len, 0xFF, c->big);
    f->content.len += c->big;
    return 0;
}

static int add_shared_certs(struct iso15_sim *c)
{
    struct iso15_file *f = add(c, "50154301", FILE_MAX);
    int rc = f == NULL ? CARD_E_LIMIT : 0;

    for (size_t i = 0; rc == 0 && i < c->keys.count; i++)
        rc = buf_put(&f->content, buf_view(&c->keys.cert[i]));
    return rc;
}

static int add_certs(struct iso15_sim *c)
{
    int rc = 0;

    if (c->certs == CERTS_SHARED)
        return add_shared_certs(c);
    for (size_t i = 0; rc == 0 && c->certs == CERTS_FILE && i < c->keys.count;
         i++)
        rc = add_cert_file(c, i);
    return rc;
}

static int add_key_files(struct iso15_sim *c)
{
    struct iso15_file *f;
    unsigned char *der;
    char path[16];
    int len;

    for (size_t i = 0; i < c->keys.count; i++) {
        snprintf(path, sizeof(path), "5015%04X", iso15_key_fid(i));
        if (c->kind == ISO15_MYEID && (f = add_df(c, path)) != NULL)
            f->key = true;
        if (sim_key_is_rsa(c->keys.key[i]))
            continue;
        snprintf(path, sizeof(path), "501555%02X", (unsigned)(1 + i));
        len = i2d_PUBKEY(c->keys.key[i], NULL);
        if (len <= 0 || (f = add(c, path, (size_t)len)) == NULL)
            return card_fail(CARD_E_LIMIT, "iso15: too many files");
        der = f->content.data;
        f->content.len = (size_t)i2d_PUBKEY(c->keys.key[i], &der);
    }
    return 0;
}

static int put_gdo(const struct iso15_sim *c, struct buf *out)
{
    uint8_t space[16];
    struct buf number = BUF_ON(space);
    struct bytes arg;
    int rc = bytes_from_hex(c->gdo, &number);

    arg = buf_view(&number);
    return rc < 0 ? rc : template_put(out, "5A ($0)", &arg);
}

static int add_directories(struct iso15_sim *c)
{
    int rc;

    if ((rc = add_file(c, "50155031", put_odf, OBJECT_MAX)) < 0 ||
        (rc = add_file(c, "50155032", put_info, OBJECT_MAX)) < 0 ||
        (rc = add_file(c, "50154401", put_pins, OBJECT_MAX)) < 0 ||
        (rc = add_file(c, "50154402", put_keys, FILE_MAX + 1)) < 0)
        return rc;
    c->file[c->file_count - 1].hidden = c->hidden;
    if ((rc = add_file(c, "50154403", put_publics, OBJECT_MAX)) < 0 ||
        c->certs == CERTS_NONE)
        return rc;
    return add_file(c, "50154404", put_certs, FILE_MAX + 1);
}

int iso15_write_files(struct iso15_sim *c)
{
    int rc = 0;

    while (c->file_count > 0)
        buf_free(&c->file[--c->file_count].content);
    if (add_df(c, "5015") == NULL || add_df(c, "50155016") == NULL)
        return card_fail(CARD_E_LIMIT, "iso15: too many files");
    if (c->dir != DIR_NO) {
        rc = add_file(c, "2F00", put_dir, OBJECT_MAX);
        c->file[c->file_count - 1].records = c->dir == DIR_RECORDS;
    }
    if (rc == 0 && strcmp(c->gdo, "no") != 0)
        rc = add_file(c, "2F02", put_gdo, OBJECT_MAX);
    if (rc < 0 || (rc = add_directories(c)) < 0 || (rc = add_certs(c)) < 0)
        return rc;
    return add_key_files(c);
}
