/*
 * What the keys of simulated cards compute, rightly or as a switch says.
 */
#ifndef TESTS_SIM_KEYS_H
#define TESTS_SIM_KEYS_H

#include <openssl/evp.h>

#include "card/base/bytes.h"

enum sim_wrong {
    SIM_SIGN_RIGHT,
    SIM_SIGN_FLIP_BIT,
    SIM_SIGN_PREVIOUS, /* what was to be signed the time before */
    SIM_SIGN_OTHER_KEY
};

enum { SIM_MAX_KEYS = 8, SIM_MAX_INPUT = 1024 };

struct sim_keys {
    EVP_PKEY *key[SIM_MAX_KEYS];
    struct buf cert[SIM_MAX_KEYS]; /* DER; empty: none */
    size_t count;
    enum sim_wrong wrong;
    uint8_t last[SIM_MAX_INPUT]; /* for SIM_SIGN_PREVIOUS */
    size_t last_len;
};

/* Add dir/name.key, and dir/name.pem with it. CARD_E_CONFIG, CARD_E_LIMIT. */
int sim_keys_add(struct sim_keys *k, const char *dir, const char *name);
/*
 * A self-signed certificate of at least that many bytes, and few more, for a
 * key, instead of the one it came with.
 */
int sim_keys_small(struct sim_keys *k, size_t index, size_t len);
void sim_keys_clear(struct sim_keys *k);
/* "wrong": none, flip, previous, other. False: not that name or value. */
bool sim_keys_set(struct sim_keys *k, const char *name, const char *value);

/* Bytes of the modulus, or of a coordinate. */
size_t sim_key_len(const EVP_PKEY *key);
bool sim_key_is_rsa(const EVP_PKEY *key);

/*
 * Each appends to `out` and returns 9000, or 6A80 for an input that libcrypto
 * refuses. Signatures heed k->wrong.
 */
/* RSASP1 over a block as long as the modulus. */
unsigned sim_sign_raw(struct sim_keys *k, size_t index, struct bytes block,
                      struct buf *out);
/* PKCS#1 v1.5 type 1 padding around the input. */
unsigned sim_sign_pkcs1(struct sim_keys *k, size_t index, struct bytes input,
                        struct buf *out);
/* EMSA-PSS over a hash, whose length says which; salt as long as the hash. */
unsigned sim_sign_pss(struct sim_keys *k, size_t index, struct bytes hash,
                      struct buf *out);
/* DER Ecdsa-Sig-Value, or r || s of the curve's length each. */
unsigned sim_sign_ecdsa(struct sim_keys *k, size_t index, struct bytes hash,
                        bool der, struct buf *out);
unsigned sim_sign_eddsa(struct sim_keys *k, size_t index, struct bytes message,
                        struct buf *out);
/* RSADP: as long as the modulus. */
unsigned sim_decrypt_raw(struct sim_keys *k, size_t index,
                         struct bytes cryptogram, struct buf *out);
/* RSADP and RSAES-PKCS1-v1_5 unpadding; 6A80 if it is badly padded. */
unsigned sim_decrypt_pkcs1(struct sim_keys *k, size_t index,
                           struct bytes cryptogram, struct buf *out);
/* x coordinate; the point is 04 || X || Y, or 32 bytes for X25519. */
unsigned sim_derive(struct sim_keys *k, size_t index, struct bytes point,
                    struct buf *out);

/* Modulus and exponent, or 04 || X || Y or the bare bytes of 25519 keys. */
int sim_public_rsa(const EVP_PKEY *key, struct buf *n, struct buf *e);
int sim_public_point(const EVP_PKEY *key, struct buf *out);

#endif
