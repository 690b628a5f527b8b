/*
 * Directories of an ISO 7816-15 application to the token's records.
 */
#include "card/driver/p15_token.h"

#include <string.h>

#include "card/base/cache.h"
#include "card/wire/iso7816.h"
#include "card/wire/tlv.h"

static const uint8_t fid_odf[] = {0x50, 0x31};
static const uint8_t fid_token_info[] = {0x50, 0x32};

const struct p15_range p15_whole = {0, 0};

static struct p15_token *p15_of(struct token *t)
{
    return t->priv;
}

/* ---- files --------------------------------------------------------------- */

/* Before the first file: what was kept holds for one state of the card only. */
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

/*
 * Objects fill a file from its start and padding the rest: that is not read.
 * False while more may come.
 */
static bool has_all_objects(struct bytes file)
{
    struct bytes object;
    size_t len;

    while (file.len > 0) {
        if (file.data[0] == 0x00 || file.data[0] == 0xFF)
            return true;
        if (!tlv_whole_len(file, &len) || !bytes_take(&file, len, &object))
            return false;
    }
    return false;
}

int p15_read_objects(struct token *t, struct p15_range range, struct buf *file)
{
    size_t chunk = p15_of(t)->dialect->chunk;
    size_t want = range.length > 0 ? range.length : file->cap;
    size_t got = 0, n = chunk;
    int rc;

    while (got < want && n == chunk && !has_all_objects(buf_view(file))) {
        n = want - got < chunk ? want - got : chunk;
        rc = iso_read_binary(t->reader, range.offset + got, n, n, file);
        if (rc < 0)
            return rc == CARD_E_LIMIT && got > 0 ? 0 : rc;
        n = file->len - got;
        got = file->len;
    }
    return 0;
}

/*
 * Several may lie in one file: the offset is part of the name; in front of it,
 * so that with the next FID of a longer path it makes no other file's name.
 */
static struct bytes name_of(struct bytes path, size_t offset, struct buf *name)
{
    if (buf_put_u16(name, (uint16_t)offset) < 0 || buf_put(name, path) < 0)
        return bytes_from(NULL, 0);
    return buf_view(name);
}

int p15_read_file(struct token *t, struct bytes path, struct p15_range range,
                  struct buf *file)
{
    const struct p15_dialect *dialect = p15_of(t)->dialect;
    uint8_t space[CARD_PATH_MAX + 2];
    struct buf named = BUF_ON(space);
    struct bytes name = name_of(path, range.offset, &named), kept;
    int rc;

    if ((rc = buf_new(file, CARD_MAX_FILE)) < 0 ||
        (rc = confirm_cache(t)) < 0)
        return rc;
    if (cache_card_find(t->cache, name, &kept))
        return buf_put(file, kept);
    if ((rc = dialect->select_file(t, path)) == 0)
        rc = p15_read_objects(t, range, file);
    if (rc == 0)
        cache_card_keep(t->cache, name, buf_view(file));
    return rc == CARD_E_NOT_FOUND || rc == CARD_E_LOGIN ? 0 : rc;
}

static int read_odf(struct token *t)
{
    struct p15_token *p15 = p15_of(t);
    struct buf file;
    int rc;

    if (p15->odf_read)
        return 0;
    rc = p15_read_file(t, p15->swapped ? BYTES_OF(fid_token_info)
                                       : BYTES_OF(fid_odf),
                       p15_whole, &file);
    if (rc == 0)
        rc = p15_parse_odf(buf_view(&file), &p15->odf);
    p15->odf_read = rc == 0;
    buf_free(&file);
    return rc;
}

/* ---- directories --------------------------------------------------------- */

/* One directory file, and which one it is. */
struct directory {
    struct bytes file;
    const struct card_path *path;
    struct p15_range range;
};

typedef void parse_fn(struct token *t, const struct directory *d);

static void parse_keys(struct token *t, const struct directory *d)
{
    p15_parse_prkdf(d->file, t->keys, nitems(t->keys), &t->key_count);
}

/* One that stands in the directory itself is a part of that file. */
static void parse_certs(struct token *t, const struct directory *d)
{
    size_t i = t->cert_count;

    p15_parse_cdf(d->file, t->certs, nitems(t->certs), &t->cert_count);
    for (; i < t->cert_count; i++) {
        if (t->certs[i].path.len > 0)
            continue;
        t->certs[i].path = *d->path;
        t->certs[i].offset += d->range.offset;
    }
}

static void parse_pins(struct token *t, const struct directory *d)
{
    p15_parse_aodf(d->file, t->pins, nitems(t->pins), &t->pin_count);
}

static int read_directories(struct token *t, const struct p15_files *files,
                            parse_fn *parse)
{
    for (size_t i = 0; i < files->count; i++) {
        struct directory d = {.path = &files->path[i],
                              .range = files->range[i]};
        struct buf file;
        int rc = p15_read_file(t, bytes_from(d.path->data, d.path->len),
                               d.range, &file);

        d.file = buf_view(&file);
        if (rc == 0)
            parse(t, &d);
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
    struct p15_token_info *info = &p15_of(t)->info;
    struct buf file;
    int rc;

    rc = p15_read_file(t, p15_of(t)->swapped ? BYTES_OF(fid_odf)
                                             : BYTES_OF(fid_token_info),
                       p15_whole, &file);
    if (rc == 0 && p15_parse_token_info(buf_view(&file), info) == 0) {
        memcpy(t->label, info->label, sizeof(t->label));
        memcpy(t->manufacturer, info->manufacturer, sizeof(t->manufacturer));
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

int p15_token_read_cert(struct token *t, const struct card_cert_info *cert,
                        struct buf *der)
{
    const struct p15_dialect *dialect = p15_of(t)->dialect;
    struct bytes path = bytes_from(cert->path.data, cert->path.len), kept;
    uint8_t space[CARD_PATH_MAX + 2];
    struct buf named = BUF_ON(space);
    struct bytes name = name_of(path, cert->offset, &named);
    size_t start = der->len;
    int rc;

    if ((rc = confirm_cache(t)) < 0)
        return rc;
    if (cache_card_find(t->cache, name, &kept))
        return buf_put(der, kept);
    if ((rc = dialect->select_file(t, path)) < 0 ||
        (rc = iso_read_der(t->reader, cert->offset, dialect->chunk, der)) < 0)
        return rc;
    if (!cert->private_object)
        cache_card_keep(t->cache, name,
                        bytes_from(der->data + start, der->len - start));
    return 0;
}

/* ---- public keys --------------------------------------------------------- */

static int read_public_file(struct token *t, const struct p15_public *public,
                            struct buf *spki)
{
    struct buf file;
    int rc = p15_read_file(t, bytes_from(public->path.data, public->path.len),
                           public->range, &file);

    if (rc == 0)
        rc = p15_public_spki(public, buf_view(&file), spki);
    buf_free(&file);
    return rc;
}

int p15_token_read_public(struct token *t, const struct card_key_info *key,
                          struct buf *spki)
{
    const struct p15_files *files = &p15_of(t)->odf.pukdf;
    struct p15_public public;
    int rc = CARD_E_NOT_FOUND;

    for (size_t i = 0; i < files->count && rc == CARD_E_NOT_FOUND; i++) {
        const struct card_path *path = &files->path[i];
        struct buf file;

        rc = p15_read_file(t, bytes_from(path->data, path->len),
                           files->range[i], &file);
        if (rc == 0 && !p15_find_public(buf_view(&file), &key->id, &public))
            rc = CARD_E_NOT_FOUND;
        else if (rc == 0 && public.path.len == 0)
            rc = p15_public_spki(&public, public.direct, spki);
        else if (rc == 0)
            rc = read_public_file(t, &public, spki);
        buf_free(&file);
    }
    if (rc == CARD_E_NOT_FOUND)
        return card_fail(rc, "no public key \"%s\" is on the card",
                         key->label);
    return rc;
}

/* ---- the state of the content -------------------------------------------- */

int p15_token_last_update(struct token *t, struct buf *mark)
{
    const struct p15_dialect *dialect = p15_of(t)->dialect;
    struct p15_token_info info;
    struct buf file;
    int rc = buf_new(&file, CARD_MAX_FILE);

    if (rc == 0 &&
        (rc = dialect->select_file(t, BYTES_OF(fid_token_info))) == 0)
        rc = p15_read_objects(t, p15_whole, &file);
    if (rc == 0 && (p15_parse_token_info(buf_view(&file), &info) < 0 ||
                    info.last_update[0] == '\0'))
        rc = CARD_E_NOT_FOUND;
    if (rc == 0)
        rc = buf_put(mark, bytes_of_string(info.last_update));
    buf_free(&file);
    return rc;
}
