/*
 * EMSA-PKCS1-v1_5, EMSA-PSS, and the decoding of RSAES-PKCS1-v1_5 and
 * RSAES-OAEP in constant time.
 */
#include "card/base/pad.h"

#include <string.h>

#include "card/error.h"
#include "card/object.h"

enum {
    PKCS1_MIN = 11, /* 00, type, eight bytes of padding, 00 */
    PREMASTER_LEN = 48,
    PSS_ZEROS = 8,
    PSS_TRAILER = 0xBC
};

int pad_pkcs1_sign(struct bytes block, struct buf *em)
{
    size_t padding;

    if (em->cap < PKCS1_MIN || block.len > em->cap - PKCS1_MIN)
        return card_fail(CARD_E_ARGUMENT,
                         "%zu bytes cannot be padded for a modulus of %zu",
                         block.len, em->cap);
    padding = em->cap - block.len - 3;
    em->data[0] = 0x00;
    em->data[1] = 0x01;
    memset(em->data + 2, 0xFF, padding);
    em->data[2 + padding] = 0x00;
    em->len = 3 + padding;
    return buf_put(em, block);
}

/* H = Hash(eight zeros || mHash || salt). */
static int pss_hash(struct crypto *crypto, enum card_hash hash,
                    struct bytes digest, struct bytes salt, struct buf *h)
{
    static const uint8_t zeros[PSS_ZEROS] = {0};
    uint8_t space[PSS_ZEROS + CARD_MAX_HASH + CARD_MAX_SIGNATURE];
    struct buf input = BUF_ON(space);
    int rc;

    if ((rc = buf_put(&input, BYTES_OF(zeros))) < 0 ||
        (rc = buf_put(&input, digest)) < 0 || (rc = buf_put(&input, salt)) < 0)
        return rc;
    return crypto_hash(crypto, hash, buf_view(&input), h);
}

/* EM = maskedDB || H || BC, where DB = zeros || 01 || salt. */
static int pss_encode(struct crypto *crypto, const struct pad_pss *how,
                      struct bytes digest, uint8_t *em, size_t em_len)
{
    size_t h_len = hash_len(how->hash), db_len = em_len - h_len - 1;
    struct buf db = {em, db_len, db_len};
    struct buf salt = {em + db_len - how->salt_len, 0, how->salt_len};
    struct buf h = {em + db_len, 0, h_len};
    int rc;

    memset(em, 0, db_len);
    em[db_len - how->salt_len - 1] = 0x01;
    em[em_len - 1] = PSS_TRAILER;
    if ((rc = crypto_random(crypto, &salt)) < 0 ||
        (rc = pss_hash(crypto, how->hash, digest, buf_view(&salt), &h)) < 0)
        return rc;
    return crypto_mgf1_xor(crypto, how->mgf_hash, buf_view(&h), &db);
}

int pad_pss(struct crypto *crypto, const struct pad_pss *how,
            struct bytes digest, unsigned modulus_bits, struct buf *em)
{
    size_t h_len = hash_len(how->hash);
    size_t k = ((size_t)modulus_bits + 7) / 8;
    size_t em_len = ((size_t)modulus_bits + 6) / 8; /* of modulus_bits - 1 */
    size_t lead = k - em_len;
    int rc;

    if (h_len == 0 || digest.len != h_len)
        return card_fail(CARD_E_ARGUMENT, "PSS: no hash of %zu bytes",
                         digest.len);
    if (em_len < h_len + 2 || how->salt_len > em_len - h_len - 2)
        return card_fail(CARD_E_ARGUMENT,
                         "PSS: %s with %zu bytes of salt does not fit in a "
                         "modulus of %u bits",
                         hash_name(how->hash), how->salt_len, modulus_bits);
    if (em->cap < k)
        return card_fail(CARD_E_BUFFER, "PSS: a padded block takes %zu bytes",
                         k);
    em->len = 0;
    em->data[0] = 0x00;
    if ((rc = pss_encode(crypto, how, digest, em->data + lead, em_len)) < 0)
        return rc;
    em->data[lead] &= (uint8_t)(0xFF >> (8 * em_len + 1 - modulus_bits));
    em->len = k;
    return 0;
}

/*
 * Masks: all ones for true, zero for false, of 32 bits on every machine, made
 * from numbers below 2^31. Nothing in C forbids a compiler that knows a mask
 * to be one of two values to branch on it; so each goes through a volatile
 * object, and what comes back may be anything.
 */
static inline uint32_t mask_of_top_bit(uint32_t x)
{
    volatile uint32_t mask = 0 - (x >> 31);

    return mask;
}

static inline uint32_t mask_zero(uint32_t x)
{
    return mask_of_top_bit(~x & (x - 1));
}

static inline uint32_t mask_equal(uint32_t a, uint32_t b)
{
    return mask_zero(a ^ b);
}

static inline uint32_t mask_less(uint32_t a, uint32_t b)
{
    return mask_of_top_bit(a - b);
}

static inline uint32_t choose(uint32_t mask, uint32_t if_true, uint32_t if_not)
{
    return (mask & if_true) | (~mask & if_not);
}

/*
 * The last `len` bytes of a field, and zeros up to the field's length. The
 * length is secret while this works, so the field is moved by every power of
 * two, or seems to be.
 */
static void take_tail(struct bytes field, uint32_t len, struct buf *out)
{
    uint32_t n = (uint32_t)field.len, shift = n - len;

    for (uint32_t i = 0; i < n; i++)
        out->data[i] = field.data[i];
    for (uint32_t step = 1; step < n; step <<= 1) {
        uint32_t stay = mask_zero(shift & step);

        for (uint32_t i = 0; i + step < n; i++)
            out->data[i] = (uint8_t)choose(stay, out->data[i],
                                           out->data[i + step]);
    }
    for (uint32_t i = 0; i < n; i++)
        out->data[i] &= (uint8_t)mask_less(i, len);
    out->len = len;
}

/*
 * Whether a block is 00 02 || eight or more bytes, none 00 || 00 || message,
 * as a mask; then *len is the message's length. A separator that was not found
 * is at 0, which is too early as well.
 */
static uint32_t find_message(struct bytes em, uint32_t *len)
{
    uint32_t good = mask_equal(em.data[0], 0x00) & mask_equal(em.data[1], 0x02);
    uint32_t found = 0, separator = 0, k = (uint32_t)em.len;

    for (uint32_t i = 2; i < k; i++) {
        uint32_t zero = mask_zero(em.data[i]);

        separator = choose(zero & ~found, i, separator);
        found |= zero;
    }
    *len = k - 1 - separator;
    return good & ~mask_less(separator, PKCS1_MIN - 1);
}

/* The message if the mask is all ones, else nothing. */
static uint32_t take_message(struct bytes em, struct buf *plain)
{
    struct bytes field = {em.data + PKCS1_MIN, em.len - PKCS1_MIN};
    uint32_t len, good = find_message(em, &len);

    take_tail(field, good & len, plain);
    return good;
}

static int check_lengths(struct bytes em, size_t min, size_t message,
                         const struct buf *plain)
{
    if (em.len < min || em.len > CARD_MAX_SIGNATURE)
        return card_fail(CARD_E_ARGUMENT,
                         "a padded block is not %zu bytes long", em.len);
    if (plain->cap < message)
        return card_fail(CARD_E_BUFFER, "a message takes up to %zu bytes",
                         message);
    return 0;
}

int unpad_pkcs1(struct bytes em, const struct buf *synthetic,
                struct buf *plain)
{
    int rc = check_lengths(em, PKCS1_MIN, em.len - PKCS1_MIN, plain);
    uint32_t bad, len;

    if (rc < 0)
        return rc;
    if (synthetic->cap != em.len - PKCS1_MIN)
        return card_fail(CARD_E_ARGUMENT, "a synthetic message of %zu bytes",
                         synthetic->cap);
    bad = ~take_message(em, plain);
    len = bad & (uint32_t)synthetic->len;
    for (uint32_t i = 0; i < synthetic->cap; i++)
        plain->data[i] |= (uint8_t)(mask_less(i, len) & synthetic->data[i]);
    plain->len |= len;
    return 0;
}

int unpad_pkcs1_explicit(struct bytes em, struct buf *plain)
{
    int rc = check_lengths(em, PKCS1_MIN, em.len - PKCS1_MIN, plain);

    if (rc < 0)
        return rc;
    if (take_message(em, plain) == 0)
        return card_fail(CARD_E_ARGUMENT, "decryption error");
    return 0;
}

/*
 * The length must be 48, so everything has its place. The version is one of
 * the two: an alternative of 0 is none, not the version 0.0.
 */
int unpad_tls(struct bytes em, unsigned client_version,
              unsigned alternative_version, struct bytes random48,
              struct buf *premaster)
{
    uint32_t good, len, version;
    const uint8_t *secret;
    int rc = check_lengths(em, PKCS1_MIN + PREMASTER_LEN, PREMASTER_LEN,
                           premaster);

    if (rc < 0)
        return rc;
    if (random48.len != PREMASTER_LEN)
        return card_fail(CARD_E_ARGUMENT, "a premaster secret has 48 bytes");
    secret = em.data + em.len - PREMASTER_LEN;
    version = (uint32_t)(secret[0] << 8 | secret[1]);
    good = find_message(em, &len);
    good &= mask_equal(len, PREMASTER_LEN);
    good &= mask_equal(version, client_version) |
            (mask_equal(version, alternative_version) &
             ~mask_zero(alternative_version));
    for (size_t i = 0; i < PREMASTER_LEN; i++)
        premaster->data[i] = (uint8_t)choose(good, secret[i], random48.data[i]);
    premaster->len = PREMASTER_LEN;
    return 0;
}

/* The message in lHash || zeros || 01 || message; a mask as above. */
static uint32_t open_db(struct bytes db, struct bytes label_hash,
                        struct buf *plain)
{
    uint32_t good = UINT32_MAX, found = 0, start = 0;
    uint32_t h_len = (uint32_t)label_hash.len, db_len = (uint32_t)db.len;
    struct bytes field = {db.data + h_len + 1, db_len - h_len - 1};

    for (uint32_t i = 0; i < h_len; i++)
        good &= mask_equal(db.data[i], label_hash.data[i]);
    for (uint32_t i = h_len; i < db_len; i++) {
        uint32_t one = mask_equal(db.data[i], 0x01);

        good &= found | one | mask_zero(db.data[i]);
        start = choose(one & ~found, i + 1, start);
        found |= one;
    }
    good &= found;
    take_tail(field, good & (db_len - start), plain);
    return good;
}

/* EM = 00 || maskedSeed || maskedDB */
int unpad_oaep(struct crypto *crypto, enum card_hash hash,
               enum card_hash mgf_hash, struct bytes label, struct bytes em,
               struct buf *plain)
{
    uint8_t space[CARD_MAX_SIGNATURE], label_space[CARD_MAX_HASH];
    struct buf block = BUF_ON(space), label_hash = BUF_ON(label_space);
    size_t h_len = hash_len(hash), db_len = em.len - h_len - 1;
    struct buf seed = {space + 1, h_len, h_len};
    struct buf db = {seed.data + h_len, db_len, db_len};
    uint32_t good = 0;
    int rc = check_lengths(em, 2 * h_len + 2, db_len - h_len - 1, plain);

    if (rc < 0)
        return rc;
    if ((rc = crypto_hash(crypto, hash, label, &label_hash)) == 0 &&
        (rc = buf_put(&block, em)) == 0 &&
        (rc = crypto_mgf1_xor(crypto, mgf_hash, buf_view(&db), &seed)) == 0 &&
        (rc = crypto_mgf1_xor(crypto, mgf_hash, buf_view(&seed), &db)) == 0) {
        good = mask_zero(space[0]);
        good &= open_db(buf_view(&db), buf_view(&label_hash), plain);
    }
    buf_wipe(&block);
    if (rc < 0 || good != 0)
        return rc;
    buf_wipe(plain);
    return card_fail(CARD_E_ARGUMENT, "decryption error");
}
