/*
 * Hash names and DigestInfo (RFC 8017 9.2), SHA-1 and SHA-256 with their inner
 * state (FIPS 180-4 6.1, 6.2). For public data: nothing here is wiped.
 */
#include "card/base/sha.h"

#include <string.h>

#include "card/error.h"

struct hash_row {
    const char *name;
    uint8_t len;
    uint8_t prefix_len;
    uint8_t prefix[19];
};

/* The SHA-2 object identifiers are 2.16.840.1.101.3.4.2.x */
#define SHA2_PREFIX(total, x, len)                                             \
    {                                                                          \
        0x30, (total), 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,   \
            0x03, 0x04, 0x02, (x), 0x05, 0x00, 0x04, (len)                     \
    }

static const struct hash_row hashes[] = {
    [CARD_HASH_NONE] = {NULL, 0, 0, {0}},
    [CARD_HASH_SHA1] = {"SHA1", 20, 15, {0x30, 0x21, 0x30, 0x09, 0x06,
                                         0x05, 0x2B, 0x0E, 0x03, 0x02,
                                         0x1A, 0x05, 0x00, 0x04, 0x14}},
    [CARD_HASH_SHA224] = {"SHA2-224", 28, 19, SHA2_PREFIX(0x2D, 4, 28)},
    [CARD_HASH_SHA256] = {"SHA2-256", 32, 19, SHA2_PREFIX(0x31, 1, 32)},
    [CARD_HASH_SHA384] = {"SHA2-384", 48, 19, SHA2_PREFIX(0x41, 2, 48)},
    [CARD_HASH_SHA512] = {"SHA2-512", 64, 19, SHA2_PREFIX(0x51, 3, 64)}};

size_t hash_len(enum card_hash hash)
{
    return hashes[hash].len;
}

const char *hash_name(enum card_hash hash)
{
    return hashes[hash].name;
}

struct bytes hash_prefix(enum card_hash hash)
{
    return bytes_from(hashes[hash].prefix, hashes[hash].prefix_len);
}

int hash_digest_info(enum card_hash hash, struct bytes value, struct buf *out)
{
    struct bytes prefix = hash_prefix(hash);
    size_t start = out->len;
    int rc;

    if (hash == CARD_HASH_NONE || value.len != hash_len(hash))
        return card_fail(CARD_E_ARGUMENT, "hash value of %zu bytes for %s",
                         value.len, hash == CARD_HASH_NONE ? "no hash"
                                                           : hash_name(hash));
    if ((rc = buf_put(out, prefix)) < 0)
        return rc;
    if ((rc = buf_put(out, value)) < 0)
        out->len = start;
    return rc;
}

int hash_pkcs1_block(enum card_hash hash, struct bytes value, struct buf *out)
{
    return hash == CARD_HASH_NONE ? buf_put(out, value)
                                  : hash_digest_info(hash, value, out);
}

bool hash_from_digest_info(struct bytes der, enum card_hash *hash,
                           struct bytes *value)
{
    for (int h = CARD_HASH_SHA1; h <= CARD_HASH_SHA512; h++) {
        struct bytes prefix = hash_prefix((enum card_hash)h);
        struct bytes rest = der;

        if (!bytes_start_with(der, prefix) ||
            der.len != prefix.len + hashes[h].len)
            continue;
        *hash = (enum card_hash)h;
        return bytes_take(&rest, prefix.len, value) &&
               bytes_take(&rest, hashes[h].len, value);
    }
    return false;
}

static const uint32_t sha1_start[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE,
                                       0x10325476, 0xC3D2E1F0};

static const uint32_t sha256_start[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372,
                                         0xA54FF53A, 0x510E527F, 0x9B05688C,
                                         0x1F83D9AB, 0x5BE0CD19};

static const uint32_t sha256_k[64] = {
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1,
    0x923F82A4, 0xAB1C5ED5, 0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3,
    0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174, 0xE49B69C1, 0xEFBE4786,
    0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147,
    0x06CA6351, 0x14292967, 0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13,
    0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85, 0xA2BFE8A1, 0xA81A664B,
    0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A,
    0x5B9CCA4F, 0x682E6FF3, 0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208,
    0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2};

static uint32_t rotl(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static uint32_t rotr(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static uint32_t choose(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) ^ (~x & z);
}

static uint32_t majority(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) ^ (x & z) ^ (y & z);
}

static void load_block(const uint8_t block[SHA_BLOCK], uint32_t w[16])
{
    for (size_t t = 0; t < 16; t++, block += 4)
        w[t] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 |
               (uint32_t)block[2] << 8 | block[3];
}

/* Round t of SHA-1: its function of b, c, d plus its constant. */
static uint32_t sha1_f(size_t t, uint32_t b, uint32_t c, uint32_t d)
{
    if (t < 20)
        return choose(b, c, d) + 0x5A827999;
    if (t < 40)
        return (b ^ c ^ d) + 0x6ED9EBA1;
    if (t < 60)
        return majority(b, c, d) + 0x8F1BBCDC;
    return (b ^ c ^ d) + 0xCA62C1D6;
}

static void sha1_block(uint32_t h[8], const uint8_t block[SHA_BLOCK])
{
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    uint32_t w[80];

    load_block(block, w);
    for (size_t t = 16; t < 80; t++)
        w[t] = rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    for (size_t t = 0; t < 80; t++) {
        uint32_t next = rotl(a, 5) + sha1_f(t, b, c, d) + e + w[t];

        e = d;
        d = c;
        c = rotl(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

static uint32_t sha256_schedule(const uint32_t *w)
{
    uint32_t s0 = rotr(w[1], 7) ^ rotr(w[1], 18) ^ w[1] >> 3;
    uint32_t s1 = rotr(w[14], 17) ^ rotr(w[14], 19) ^ w[14] >> 10;

    return w[0] + s0 + w[9] + s1;
}

static void sha256_block(uint32_t h[8], const uint8_t block[SHA_BLOCK])
{
    uint32_t v[8]; /* a to h of the standard */
    uint32_t w[64];

    load_block(block, w);
    for (size_t t = 16; t < 64; t++)
        w[t] = sha256_schedule(w + t - 16);
    memcpy(v, h, sizeof(v));
    for (size_t t = 0; t < 64; t++) {
        uint32_t s1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
        uint32_t s0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
        uint32_t t1 =
            v[7] + s1 + choose(v[4], v[5], v[6]) + sha256_k[t] + w[t];
        uint32_t t2 = s0 + majority(v[0], v[1], v[2]);

        memmove(v + 1, v, 7 * sizeof(v[0]));
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (size_t i = 0; i < 8; i++)
        h[i] += v[i];
}

int sha_init(struct sha_stream *s, enum card_hash hash)
{
    *s = (struct sha_stream){.hash = hash};
    switch (hash) {
    case CARD_HASH_SHA1:
        memcpy(s->h, sha1_start, sizeof(sha1_start));
        return 0;
    case CARD_HASH_SHA256:
        memcpy(s->h, sha256_start, sizeof(sha256_start));
        return 0;
    default:
        s->hash = CARD_HASH_NONE;
        return card_fail(CARD_E_UNSUPPORTED,
                         "no card finishes hashes but SHA-1 and SHA-256");
    }
}

static void hash_block(struct sha_stream *s)
{
    if (s->hash == CARD_HASH_SHA1)
        sha1_block(s->h, s->block);
    else
        sha256_block(s->h, s->block);
    s->bits += (uint64_t)8 * SHA_BLOCK;
    s->used = 0;
}

/* A full block waits until more comes: the card wants the last one itself. */
void sha_update(struct sha_stream *s, struct bytes data)
{
    struct bytes part;

    while (data.len > 0) {
        size_t n;

        if (s->used == SHA_BLOCK)
            hash_block(s);
        n = SHA_BLOCK - s->used;
        if (n > data.len)
            n = data.len;
        if (bytes_take(&data, n, &part))
            memcpy(s->block + s->used, part.data, n);
        s->used += n;
    }
}

void sha_get_midstate(const struct sha_stream *s, struct sha_midstate *out)
{
    *out = (struct sha_midstate){.hash = s->hash, .bits = s->bits};
    for (size_t i = 0; i < hash_len(s->hash); i++)
        out->state[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
    memcpy(out->last, s->block, s->used);
    out->last_len = s->used;
}
