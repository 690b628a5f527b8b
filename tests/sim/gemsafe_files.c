/*
 * Files of the simulated Gemalto cards (fact sheet gemsafe-classic, sections 2
 * and 4).
 */
#include "tests/sim/gemsafe_int.h"

#include <stdio.h>
#include <string.h>

#include "card/error.h"
#include "tests/sim/template.h"

enum {
    FILE_MAX = 32768,
    CONTAINERS = 12,
    FIRST_CONTAINER = 3,
    FIRST_REF = 0x03,
    LENGTH_MAX = 28672,
    CERT_FID = 0xB001,
    PADDING = 300 /* files are longer than what they hold */
};

/* ---- keys ---------------------------------------------------------------- */

static int load_keys(struct gemsafe_sim *c)
{
    enum sim_wrong wrong = c->keys.wrong;
    char names[sizeof(c->certs)];
    char *rest, *name;
    int rc = 0;

    sim_keys_clear(&c->keys);
    c->keys.wrong = wrong;
    memcpy(names, c->certs, sizeof(names));
    for (name = strtok_r(names, "+", &rest); rc == 0 && name != NULL;
         name = strtok_r(NULL, "+", &rest))
        rc = sim_keys_add(&c->keys, c->dir, name);
    return rc;
}

/* GemP15 has one key for the certificates that share it: the first of them. */
static size_t first_with_key(const struct gemsafe_sim *c, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (EVP_PKEY_eq(c->keys.key[i], c->keys.key[j]) == 1)
            return j;
    return i;
}

static uint8_t ref_of(const struct gemsafe_sim *c, size_t i)
{
    return (uint8_t)(c->variant == GEMSAFE_P15
                         ? first_with_key(c, i) + 1
                         : FIRST_REF + FIRST_CONTAINER - 1 + i);
}

size_t gemsafe_key_of(const struct gemsafe_sim *c, uint8_t ref)
{
    for (size_t i = 0; i < c->keys.count; i++)
        if (ref_of(c, i) == ref)
            return i;
    return SIM_MAX_KEYS;
}

/* ---- files --------------------------------------------------------------- */

/* NULL: no room. */
static struct gemsafe_file *add_file(struct gemsafe_sim *c, uint16_t df,
                                     uint16_t fid)
{
    struct gemsafe_file *f = &c->files[c->file_count];

    if (c->file_count == GEMSAFE_MAX_FILES ||
        buf_new(&f->content, FILE_MAX) < 0) {
        card_fail(CARD_E_CONFIG, "gemsafe: too many files");
        return NULL;
    }
    c->file_count++;
    f->df = df;
    f->fid = fid;
    return f;
}

static int pad(struct gemsafe_file *f)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < PADDING; i++)
        rc = buf_put_u8(&f->content, 0x00);
    return rc;
}

static int add_text(struct gemsafe_sim *c, uint16_t df, uint16_t fid,
                    const char *text, const struct bytes *args)
{
    struct gemsafe_file *f = add_file(c, df, fid);
    int rc;

    if (f == NULL)
        return CARD_E_CONFIG;
    rc = template_put(&f->content, text, args);
    return rc < 0 ? rc : pad(f);
}

/* ---- V1, V3 -------------------------------------------------------------- */

static bool object_is(const struct gemsafe_sim *c, const char *how)
{
    return strcmp(c->object, how) == 0;
}

static int put_table(const struct gemsafe_sim *c, struct buf *out)
{
    int rc = 0;

    for (uint8_t n = 1; rc == 0 && n <= CONTAINERS; n++) {
        uint8_t ref = (uint8_t)(FIRST_REF + n - 1);
        uint8_t index = (uint8_t)(n - FIRST_CONTAINER);
        const struct bytes args[] = {bytes_from(&ref, 1),
                                     bytes_from(&index, 1)};
        bool used = n >= FIRST_CONTAINER && index < c->keys.count &&
                    !object_is(c, "empty");

        rc = template_put(out, used ? "01 FE 14 $1 $0 03 B0 00 $0"
                                    : "01 F0 00 $0 03 B0 00 $0", args);
    }
    return rc;
}

static int put_endless_table(struct buf *out)
{
    int rc = 0;

    while (rc == 0 && out->len + 9 <= LENGTH_MAX)
        rc = template_put(out, "01 FE 14 00 05 03 B0 00 05", NULL);
    return rc;
}

static int put_certs(const struct gemsafe_sim *c, struct buf *out,
                     size_t *first)
{
    int rc = 0;

    *first = out->len;
    for (size_t i = 0; rc == 0 && i < c->keys.count; i++)
        rc = buf_put(out, buf_view(&c->keys.cert[i]));
    return rc;
}

/* The length of all, or what the card was told to say. */
static void set_length(const struct gemsafe_sim *c, struct gemsafe_file *f,
                       size_t first)
{
    size_t len = object_is(c, "long")   ? LENGTH_MAX
                 : object_is(c, "over") ? 0xFFFF
                 : object_is(c, "cut")  ? f->content.len - 100
                                        : f->content.len;

    f->content.data[0] = (uint8_t)(len >> 8);
    f->content.data[1] = (uint8_t)len;
    if (object_is(c, "cut"))
        f->content.len = len;
    if (object_is(c, "lying"))
        memset(f->content.data + first + 2, 0xFF, 2);
}

static int make_object(struct gemsafe_sim *c)
{
    struct gemsafe_file *f;
    size_t first = 0;
    int rc;

    if (object_is(c, "none"))
        return 0;
    if ((f = add_file(c, GEMSAFE_DF, GEMSAFE_OBJECT)) == NULL)
        return CARD_E_CONFIG;
    if ((rc = buf_put_u16(&f->content, 0)) < 0)
        return rc;
    rc = object_is(c, "table") ? put_endless_table(&f->content)
                               : put_table(c, &f->content);
    if (rc == 0 && !object_is(c, "table") && !object_is(c, "empty"))
        rc = put_certs(c, &f->content, &first);
    if (rc < 0)
        return rc;
    set_length(c, f, first);
    return object_is(c, "cut") ? 0 : pad(f);
}

/* ---- GemP15 -------------------------------------------------------------- */

static const char ef_dir[] =
    "61(4F(E828BD080F'Gem P15') 50('GemP15') 51(3F005000))";

/* The parameters of algorithms are empty SEQUENCEs on real cards. */
static const char ef_token_info[] =
    "30(020100 04($0) 0C('Gemalto S.A.') 80('GemP15-1') 030206C0"
    "A2(30(020101 020140 3000 03020640 06092A864886F70D01010B 020142)"
    "  30(020102 020106 3000 03020640 06092A864886F70D010105 020112)"
    "  30(020103 020101 3000 03020640 06092A864886F70D010101 020102)))";
static const char ef_token_info_dated[] =
    "30(020100 04($0) 0C('Gemalto S.A.') 80('GemP15-1') 030206C0"
    "A2(30(020101 020140 3000 03020640 06092A864886F70D01010B 020142))"
    "A5(180F $1))";

static const char ef_odf[] =
    "A0(30(04(3F0050005002))) A1(30(04(3F0050005003)))"
    "A4(30(04(3F0050005001))) A8(30(04(3F0050005006)))";

static const char ef_aodf[] =
    "30(30(0C('User PIN') 030206C0) 30(040101)"
    "  A1(30(0302020C 0A0101 020104 02010C 020108 800111 040100)))";

static int make_text_files(struct gemsafe_sim *c)
{
    const struct bytes args[] = {BYTES_OF(c->chip),
                                 bytes_of_string(c->update)};
    const uint16_t info = c->unswapped ? 0x5032 : 0x5031;
    const uint16_t odf = c->unswapped ? 0x5031 : 0x5032;
    int rc;

    if ((rc = add_text(c, GEMSAFE_MF, 0x2F00, ef_dir, NULL)) < 0 ||
        (rc = add_text(c, GEMSAFE_P15_DF, info,
                       c->update[0] != '\0' ? ef_token_info_dated
                                            : ef_token_info, args)) < 0 ||
        (rc = add_text(c, GEMSAFE_P15_DF, odf, ef_odf, NULL)) < 0)
        return rc;
    return add_text(c, GEMSAFE_P15_DF, 0x5006, ef_aodf, NULL);
}

/* sign, decrypt, unwrap; nonRepudiation; the same and a PIN for each use. */
static int put_key(const struct gemsafe_sim *c, uint8_t ref, struct buf *out)
{
    const struct bytes arg = bytes_from(&ref, 1);
    const char *text =
        strcmp(c->usage, "sign") == 0
            ? "30(30(0C('Key') 030206C0 040101) 30(04($0) 0303060040 0201$0)"
              "A1(30(30(0400) 02020800)))"
        : strcmp(c->usage, "consent") == 0
            ? "30(30(0C('Key') 030206C0 040101 020101) 30(04($0) 03020264"
              "0201$0) A1(30(30(0400) 02020800)))"
            : "30(30(0C('Key') 030206C0 040101) 30(04($0) 03020264 0201$0)"
              "A1(30(30(0400) 02020800)))";

    return template_put(out, text, &arg);
}

/* Its entry in the CDF, and its file. */
static int put_cert(struct gemsafe_sim *c, size_t i, struct buf *out)
{
    struct gemsafe_file *f = add_file(c, GEMSAFE_P15_DF,
                                      (uint16_t)(CERT_FID + i));
    uint8_t ref = ref_of(c, i), number = (uint8_t)(i + 1);
    const struct bytes args[] = {bytes_from(&ref, 1), bytes_from(&number, 1)};

    int rc;

    if (f == NULL)
        return CARD_E_CONFIG;
    rc = template_put(out, "30(30(0C('Certificate') 03020640) 30(04($0))"
                      "A1(30(30(04(3F005000B0$1)))))", args);
    return rc < 0 ? rc : buf_put(&f->content, buf_view(&c->keys.cert[i]));
}

static int make_directories(struct gemsafe_sim *c)
{
    struct gemsafe_file *prkdf = add_file(c, GEMSAFE_P15_DF, 0x5002);
    struct gemsafe_file *cdf = add_file(c, GEMSAFE_P15_DF, 0x5001);
    int rc = 0;

    if (prkdf == NULL || cdf == NULL)
        return CARD_E_CONFIG;
    for (size_t i = 0; rc == 0 && i < c->keys.count; i++) {
        if (first_with_key(c, i) == i)
            rc = put_key(c, ref_of(c, i), &prkdf->content);
        if (rc == 0)
            rc = put_cert(c, i, &cdf->content);
    }
    if (rc == 0 && (rc = pad(prkdf)) == 0)
        rc = pad(cdf);
    return rc;
}

/* ---- all ----------------------------------------------------------------- */

void gemsafe_free_files(struct gemsafe_sim *c)
{
    for (size_t i = 0; i < c->file_count; i++)
        buf_free(&c->files[i].content);
    c->file_count = 0;
    c->ef = NULL;
}

int gemsafe_make_files(struct gemsafe_sim *c)
{
    int rc;

    gemsafe_free_files(c);
    if ((rc = load_keys(c)) < 0)
        return rc;
    if (c->variant != GEMSAFE_P15)
        return make_object(c);
    rc = make_text_files(c);
    return rc < 0 ? rc : make_directories(c);
}
