/*
 * The object file of GemSafe V1 and V3: two bytes of length, a table of key
 * containers, and the certificates of those in use, one behind the other.
 */
#include "card/driver/gemsafe.h"

#include <stdio.h>
#include <string.h>

#include "card/base/cache.h"
#include "card/base/sha.h"
#include "card/wire/iso7816.h"
#include "card/wire/tlv.h"

enum {
    OBJECT_MAX = 28672,  /* what the length may say */
    LENGTH_LEN = 2,
    MAX_CONTAINERS = 12,
    FREE_LEN = 8,        /* 01 F0 00 kk 03 B0 00 kk */
    USED_LEN = 9,        /* 01 FE 14 dd kk 03 B0 00 kk */
    USED_REF = 4,        /* offset of kk */
    FIRST_ID = 45,       /* iD of the first container, in BCD */
    LOOK_LEN = 48,       /* start of a certificate, serial number and all */
    PIN_ID = 0x01
};

static const uint8_t kept_name[] = {0x16, 0x00, 0x00, 0x04};

/* A container in use and where its certificate is. */
struct container {
    unsigned number; /* in the table, from 1 */
    uint8_t ref;
    size_t offset, length;
};

static struct gemsafe *gemsafe_of(struct token *t)
{
    return t->priv;
}

/* ---- its structure ------------------------------------------------------- */

/* Leaves the cursor behind the table. */
static size_t parse_table(struct bytes *cursor, struct container *out)
{
    size_t count = 0;
    struct bytes entry;

    for (unsigned n = 1; n <= MAX_CONTAINERS; n++) {
        bool used = cursor->len > 1 && cursor->data[1] == 0xFE;

        if (cursor->len < 2 || cursor->data[0] != 0x01 ||
            (!used && cursor->data[1] != 0xF0) ||
            !bytes_take(cursor, used ? USED_LEN : FREE_LEN, &entry))
            break;
        if (used)
            out[count++] = (struct container){.number = n,
                                              .ref = entry.data[USED_REF]};
    }
    return count;
}

/* The next SEQUENCE with two bytes of length; one that is cut ends all. */
static bool next_cert(struct bytes *cursor, struct bytes *out)
{
    struct bytes byte;

    while (cursor->len >= 4) {
        const uint8_t *p = cursor->data;

        if (p[0] == 0x30 && p[1] == 0x82)
            return bytes_take(cursor, 4 + ((size_t)p[2] << 8 | p[3]), out);
        bytes_take(cursor, 1, &byte);
    }
    return false;
}

/* Containers with a certificate: they come in the order of the table. */
static size_t parse(struct bytes file, struct container out[MAX_CONTAINERS])
{
    const uint8_t *start = file.data;
    struct bytes length, cert;
    size_t used, count = 0;

    if (!bytes_take(&file, LENGTH_LEN, &length))
        return 0;
    used = parse_table(&file, out);
    while (count < used && next_cert(&file, &cert)) {
        out[count].offset = (size_t)(cert.data - start);
        out[count++].length = cert.len;
    }
    return count;
}

/*
 * Bits of the RSA modulus in a certificate (RFC 5280 4.1, RFC 8017 A.1.1): the
 * card does not tell. 0: not found.
 */
static unsigned modulus_bits(struct bytes cert)
{
    struct tlv tbs, skipped, bits, modulus;
    struct bytes in = cert, unused;

    if (!tlv_next_is(&in, 0x30, &tbs) ||
        !tlv_next_is(&tbs.value, 0x30, &tbs))
        return 0;
    in = tbs.value;
    tlv_next_is(&in, 0xA0, &skipped); /* version */
    for (int i = 0; i < 5; i++) /* serial, algorithm, issuer, dates, subject */
        if (!tlv_next(&in, &skipped))
            return 0;
    if (!tlv_next_is(&in, 0x30, &tbs) || !tlv_find(tbs.value, 0x03, &bits) ||
        !bytes_take(&bits.value, 1, &unused) ||
        !tlv_next_is(&bits.value, 0x30, &tbs) ||
        !tlv_next_is(&tbs.value, 0x02, &modulus))
        return 0;
    if (modulus.value.len > 1 && modulus.value.data[0] == 0)
        bytes_take(&modulus.value, 1, &unused);
    return modulus.value.len <= CARD_MAX_SIGNATURE
               ? 8 * (unsigned)modulus.value.len
               : 0;
}

/* ---- reading it ---------------------------------------------------------- */

static int need_file(struct token *t)
{
    return t->selected ? 0 : gemsafe_select(t);
}

int gemsafe_object_head(struct token *t)
{
    struct gemsafe *g = gemsafe_of(t);
    int rc;

    if (g->object.len > 0)
        return 0;
    if (g->object.data == NULL &&
        (rc = buf_new(&g->object, OBJECT_MAX + LENGTH_LEN)) < 0)
        return rc;
    if ((rc = need_file(t)) < 0)
        return rc;
    return iso_read_binary(t->reader, 0, GEMSAFE_CHUNK, GEMSAFE_CHUNK,
                           &g->object);
}

bool gemsafe_object_has_table(const struct gemsafe *g)
{
    struct bytes head = buf_view(&g->object), length;
    struct container out[MAX_CONTAINERS];
    size_t all = head.len;

    if (!bytes_take(&head, LENGTH_LEN, &length))
        return false;
    parse_table(&head, out);
    return head.len + LENGTH_LEN < all;
}

/*
 * Of a block of fixed length the state of SHA-256 behind its last whole block
 * is as good as the hash.
 */
void gemsafe_object_fingerprint(const struct gemsafe *g,
                                uint8_t out[GEMSAFE_FINGERPRINT])
{
    uint8_t block[4 * SHA_BLOCK + 1] = {0};
    struct bytes head = buf_view(&g->object);
    struct sha_stream stream;
    struct sha_midstate state;

    if (head.len > GEMSAFE_CHUNK)
        head.len = GEMSAFE_CHUNK;
    if (head.len > 0)
        memcpy(block, head.data, head.len);
    sha_init(&stream, CARD_HASH_SHA256);
    sha_update(&stream, BYTES_OF(block));
    sha_get_midstate(&stream, &state);
    memcpy(out, state.state, GEMSAFE_FINGERPRINT);
}

/*
 * A certificate that was replaced by one of the same length shows neither in
 * the table nor in the file's length, but by its serial number. The first lies
 * in the first block.
 */
static int compare_certs(struct token *t, bool *same)
{
    const struct gemsafe *g = gemsafe_of(t);
    struct container c[MAX_CONTAINERS];
    size_t count = parse(buf_view(&g->object), c);
    int rc;

    *same = true;
    for (size_t i = 0; *same && i < count; i++) {
        size_t want = c[i].length < LOOK_LEN ? c[i].length : LOOK_LEN;
        uint8_t space[LOOK_LEN];
        struct buf look = BUF_ON(space);

        if (c[i].offset + want <= GEMSAFE_CHUNK)
            continue;
        if ((rc = need_file(t)) < 0 ||
            (rc = iso_read_binary(t->reader, c[i].offset, want, GEMSAFE_CHUNK,
                                  &look)) < 0)
            return rc;
        *same = bytes_equal(buf_view(&look),
                            bytes_from(g->object.data + c[i].offset, want));
    }
    return 0;
}

/* The rest of the file from the cache, if the card still holds the same. */
static int take_kept(struct token *t)
{
    struct gemsafe *g = gemsafe_of(t);
    uint8_t mark[GEMSAFE_FINGERPRINT];
    size_t head = g->object.len;
    struct bytes kept, start;
    bool same = true;
    int rc;

    gemsafe_object_fingerprint(g, mark);
    cache_card_confirm(t->cache, BYTES_OF(mark));
    if (!cache_card_find(t->cache, BYTES_OF(kept_name), &kept) ||
        !bytes_take(&kept, head, &start) ||
        !bytes_equal(start, buf_view(&g->object)) ||
        buf_put(&g->object, kept) < 0)
        return 0;
    rc = compare_certs(t, &same);
    g->whole = rc == 0 && same;
    if (!g->whole)
        g->object.len = head;
    if (!same)
        cache_card_forget(t->cache);
    return rc;
}

/*
 * Whether the length counts its own two bytes is not known: they are read as
 * well, and what is behind the last certificate does no harm.
 */
static int read_rest(struct token *t)
{
    struct gemsafe *g = gemsafe_of(t);
    struct bytes cursor = buf_view(&g->object);
    size_t have = cursor.len;
    uint16_t length;
    int rc = 0;

    if (!bytes_take_u16(&cursor, &length) || length > OBJECT_MAX)
        return card_fail(CARD_E_PROTOCOL, "the object file has no length, or "
                         "one over %d bytes", OBJECT_MAX);
    if ((size_t)length + LENGTH_LEN > have && have == GEMSAFE_CHUNK &&
        (rc = need_file(t)) == 0)
        rc = iso_read_binary(t->reader, have, length + LENGTH_LEN - have,
                             GEMSAFE_CHUNK, &g->object);
    if (rc < 0) {
        g->object.len = have;
        return rc;
    }
    if (g->object.len > (size_t)length + LENGTH_LEN)
        g->object.len = (size_t)length + LENGTH_LEN;
    cache_card_keep(t->cache, BYTES_OF(kept_name), buf_view(&g->object));
    return 0;
}

static int need_object(struct token *t)
{
    struct gemsafe *g = gemsafe_of(t);
    int rc;

    if (g->whole)
        return 0;
    if ((rc = gemsafe_object_head(t)) < 0 || (rc = take_kept(t)) < 0)
        return rc;
    if (!g->whole)
        rc = read_rest(t);
    g->whole = rc == 0;
    return rc;
}

/* ---- records ------------------------------------------------------------- */

/*
 * Deciphering is known of RSA-1024 alone: a longer cryptogram does not fit into
 * one command, and whether these cards know another form is not known.
 */
static void fill_key(struct card_key_info *key, const struct container *c,
                     struct bytes cert)
{
    key->type = CARD_KEY_RSA;
    key->bits = modulus_bits(cert);
    key->ref = c->ref;
    key->usage = P15_USAGE_SIGN | P15_USAGE_DECRYPT | P15_USAGE_ENCRYPT |
                 P15_USAGE_WRAP | P15_USAGE_UNWRAP;
    key->uses = CARD_USE_AUTH;
    key->can = CARD_CAN_PKCS1_HASH;
    if (key->bits == 1024) {
        key->uses |= CARD_USE_DECRYPT;
        key->can |= CARD_CAN_DECRYPT_PKCS1;
    }
    key->auth_id.data[0] = PIN_ID;
    key->auth_id.len = 1;
}

/* The card has no words for its containers, and no iD but their order. */
static void name_both(unsigned number, struct card_key_info *key,
                      struct card_cert_info *cert)
{
    unsigned n = FIRST_ID + number - 1;

    cert->id.data[0] = (uint8_t)(n / 10 << 4 | n % 10);
    cert->id.len = 1;
    key->id = cert->id;
    snprintf(cert->label, sizeof(cert->label), "Certificate %u", number);
    memcpy(key->label, cert->label, sizeof(key->label));
}

int gemsafe_object_list(struct token *t)
{
    const struct gemsafe *g = gemsafe_of(t);
    struct container c[MAX_CONTAINERS];
    int rc = need_object(t);

    if (rc < 0)
        return rc;
    t->key_count = t->cert_count = parse(buf_view(&g->object), c);
    t->certs_at_hand = true;
    memset(t->keys, 0, sizeof(t->keys));
    memset(t->certs, 0, sizeof(t->certs));
    for (size_t i = 0; i < t->key_count; i++) {
        t->certs[i].offset = c[i].offset;
        t->certs[i].length = c[i].length;
        fill_key(&t->keys[i], &c[i],
                 bytes_from(g->object.data + c[i].offset, c[i].length));
        name_both(c[i].number, &t->keys[i], &t->certs[i]);
    }
    return 0;
}

int gemsafe_object_cert(struct token *t, const struct card_cert_info *cert,
                        struct buf *der)
{
    const struct gemsafe *g = gemsafe_of(t);
    int rc = need_object(t);

    if (rc < 0)
        return rc;
    if (cert->offset > g->object.len ||
        cert->length > g->object.len - cert->offset)
        return card_fail(CARD_E_NOT_FOUND, "\"%s\" is not on the card",
                         cert->label);
    return buf_put(der, bytes_from(g->object.data + cert->offset,
                                   cert->length));
}
