/*
 * Directories of an ISO 7816-15 application to the token's records.
 */
#include "card/driver/p15_token.h"

#include <string.h>

#include "card/base/cache.h"
#include "card/wire/iso7816.h"

static const uint8_t fid_odf[] = {0x50, 0x31};
static const uint8_t fid_token_info[] = {0x50, 0x32};

static struct p15_token *p15_of(struct token *t)
{
    return t->priv;
}

/* ---- files --------------------------------------------------------------- */

/* Before the first file: what was kept holds only for this state of the card. */
static int confirm_cache(struct token *t)
{
    struct p15_token *p15 = p15_of(t);
    uint8_t space[CACHE_MAX_MARK];
    struct buf mark = BUF_ON(space);
    int rc;

    if (p15->mark_asked || t->cache == NULL)
        return 0;
    rc = p15->dialect->mark(t, &mark);
    if (rc == 0)
        cache_card_confirm(t->cache, buf_view(&mark));
    p15->mark_asked = rc == 0 || rc == CARD_E_NOT_FOUND;
    return p15->mark_asked ? 0 : rc;
}

int p15_read_file(struct token *t, struct bytes path, struct buf *file)
{
    const struct p15_dialect *dialect = p15_of(t)->dialect;
    struct bytes kept;
    int rc;

    if ((rc = buf_new(file, CARD_MAX_FILE)) < 0 ||
        (rc = confirm_cache(t)) < 0)
        return rc;
    if (cache_card_find(t->cache, path, &kept))
        return buf_put(file, kept);
    if ((rc = dialect->select_file(t, path)) == 0)
        rc = iso_read_file(t->reader, dialect->chunk, file);
    if (rc == 0)
        cache_card_keep(t->cache, path, buf_view(file));
    return rc == CARD_E_NOT_FOUND ? 0 : rc;
}

static int read_odf(struct token *t)
{
    struct p15_token *p15 = p15_of(t);
    struct buf file;
    int rc;

    if (p15->odf_read)
        return 0;
    if ((rc = p15_read_file(t, BYTES_OF(fid_odf), &file)) == 0)
        rc = p15_parse_odf(buf_view(&file), &p15->odf);
    p15->odf_read = rc == 0;
    buf_free(&file);
    return rc;
}

/* ---- directories --------------------------------------------------------- */

typedef void parse_fn(struct token *t, struct bytes file);

static void parse_keys(struct token *t, struct bytes file)
{
    p15_parse_prkdf(file, t->keys, nitems(t->keys), &t->key_count);
}

static void parse_certs(struct token *t, struct bytes file)
{
    p15_parse_cdf(file, t->certs, nitems(t->certs), &t->cert_count);
}

static void parse_pins(struct token *t, struct bytes file)
{
    p15_parse_aodf(file, t->pins, nitems(t->pins), &t->pin_count);
}

static int read_directories(struct token *t, const struct p15_files *files,
                            parse_fn *parse)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct card_path *p = &files->path[i];
        struct buf file;
        int rc = p15_read_file(t, bytes_from(p->data, p->len), &file);

        if (rc == 0)
            parse(t, buf_view(&file));
        buf_free(&file);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int list_keys(struct token *t)
{
    struct p15_token *p15 = p15_of(t);
    int rc;

    t->key_count = 0;
    if ((rc = read_directories(t, &p15->odf.prkdf, parse_keys)) < 0)
        return rc;
    for (size_t i = 0; i < t->key_count; i++)
        p15->dialect->judge(t, &t->keys[i]);
    return 0;
}

static int list_certs(struct token *t)
{
    t->cert_count = 0;
    return read_directories(t, &p15_of(t)->odf.cdf, parse_certs);
}

static int list_pins(struct token *t)
{
    t->pin_count = 0;
    return read_directories(t, &p15_of(t)->odf.aodf, parse_pins);
}

/* TokenInfo: the label that PKCS#11 programs know the card by. */
static int list_info(struct token *t)
{
    struct p15_token_info info;
    struct buf file;
    int rc;

    if ((rc = p15_read_file(t, BYTES_OF(fid_token_info), &file)) == 0 &&
        p15_parse_token_info(buf_view(&file), &info) == 0) {
        memcpy(t->label, info.label, sizeof(t->label));
        memcpy(t->manufacturer, info.manufacturer, sizeof(t->manufacturer));
    }
    buf_free(&file);
    return rc;
}

int p15_token_list(struct token *t, unsigned what)
{
    static const struct {
        unsigned what;
        int (*list)(struct token *t);
    } steps[] = {
        {TOKEN_KEYS,  list_keys },
        {TOKEN_CERTS, list_certs},
        {TOKEN_PINS,  list_pins },
        {TOKEN_INFO,  list_info },
    };
    unsigned missing = what & ~t->listed;
    int rc;

    if ((missing & ~(unsigned)TOKEN_INFO) != 0 && (rc = read_odf(t)) < 0)
        return rc;
    for (size_t i = 0; i < nitems(steps); i++) {
        if ((missing & steps[i].what) == 0)
            continue;
        if ((rc = steps[i].list(t)) < 0)
            return rc;
        t->listed |= steps[i].what;
    }
    return 0;
}

/* ---- certificates -------------------------------------------------------- */

/* Cached by path and offset: several may lie in one file. */
static void cert_name(const struct card_cert_info *cert, struct buf *name)
{
    buf_put(name, bytes_from(cert->path.data, cert->path.len));
    buf_put_u16(name, (uint16_t)cert->offset);
}

int p15_token_read_cert(struct token *t, const struct card_cert_info *cert,
                        struct buf *der)
{
    const struct p15_dialect *dialect = p15_of(t)->dialect;
    struct bytes path = bytes_from(cert->path.data, cert->path.len), kept;
    uint8_t space[CARD_PATH_MAX + 2];
    struct buf name = BUF_ON(space);
    size_t start = der->len;
    int rc;

    if (path.len == 0)
        return card_fail(CARD_E_NOT_FOUND, "certificate \"%s\" has no file",
                         cert->label);
    cert_name(cert, &name);
    if ((rc = confirm_cache(t)) < 0)
        return rc;
    if (cache_card_find(t->cache, buf_view(&name), &kept))
        return buf_put(der, kept);
    if ((rc = dialect->select_file(t, path)) < 0 ||
        (rc = iso_read_der(t->reader, cert->offset, dialect->chunk, der)) < 0)
        return rc;
    if (!cert->private_object)
        cache_card_keep(t->cache, buf_view(&name),
                        bytes_from(der->data + start, der->len - start));
    return 0;
}
