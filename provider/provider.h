/*
 * The provider from inside: one context per activation, the keys it hands to
 * OpenSSL, and what its files offer each other.
 */
#ifndef PROVIDER_PROVIDER_H
#define PROVIDER_PROVIDER_H

#include <stdatomic.h>

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/evp.h>

#include "card/base/lock.h"
#include "card/card.h"

#define PROV_VERSION "0.1.0"
#define PROV_NAMES_RSA "RSA:rsaEncryption:1.2.840.113549.1.1.1"

enum {
    PROV_ERRORS_MAX = 48, /* reason strings, with the last, empty one */
    PROV_MD_NAME_MAX = 50 /* as libcrypto's OSSL_MAX_NAME_SIZE */
};

/* What libcrypto offers a provider; of it, what we call. */
struct prov_core {
    OSSL_FUNC_core_get_params_fn *get_params;
    OSSL_FUNC_core_new_error_fn *new_error;
    OSSL_FUNC_core_vset_error_fn *vset_error;
    OSSL_FUNC_core_set_error_mark_fn *set_error_mark;
    OSSL_FUNC_core_pop_error_to_mark_fn *pop_error_to_mark;
};

/* The provider's section of the configuration, read at the first use. */
struct prov_config {
    struct secret *pin;
    char pin_problem[256];  /* why there is none, or "" */
    const char *trace;      /* lent by libcrypto; NULL: none */
    bool pin_for_signature;
    bool pin_not_last;
    bool hide_size;         /* see prov_key_hides_size */
    int log_fd;             /* -1: no log */
    bool own_log_fd;
};

/*
 * Property strings carry the name the provider was activated under, so the
 * tables are made once per context.
 */
struct prov_tables {
    char *plain, *pem, *der; /* property strings */
    OSSL_ALGORITHM keymgmt[2], signature[2], cipher[2], store[4], decoder[3];
    OSSL_ITEM errors[PROV_ERRORS_MAX];
};

struct prov_ctx {
    const OSSL_CORE_HANDLE *handle;
    struct prov_core core;
    OSSL_DISPATCH *core_functions; /* a copy, for `libctx` */
    char *name;                    /* as activated */
    struct prov_tables tables;
    struct lock lock;              /* guards what follows until it is there */
    OSSL_LIB_CTX *libctx;          /* our own: stock algorithms */
    struct card_context *cards;
    struct prov_config config;     /* constant once `cards` is there */
};

/* Both OSSL_provider_init and OSSL_PROVIDER_add_builtin's function. */
OSSL_provider_init_fn tessera_provider_init;

/* provider.c */

/*
 * The one crossing from the card layer's errors to OpenSSL's: 1 for success,
 * else 0 with this thread's sentence and the remedy in the error queue.
 */
int prov_result(const struct prov_ctx *ctx, int rc);
/* The same for a sentence that holds its own remedy; 0. */
int prov_refuse(const struct prov_ctx *ctx, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/*
 * Cards, opened at the first call: reads the configuration. 0 or CARD_E_
 * error; the context is lent.
 */
int prov_cards(struct prov_ctx *ctx, struct card_context **out);
/*
 * A library context of our own, made at the first call: nothing of the
 * application's configuration, nor ourselves, gets in the way there. NULL when
 * memory fails.
 */
OSSL_LIB_CTX *prov_libctx(struct prov_ctx *ctx);
/* OSSL_PARAM and OSSL_ITEM know no const, though it is only read there. */
void *prov_unconst(const void *data);

/*
 * libcrypto sorts providers by name and asks the first for all RSA keys, those
 * in software too. Before "default" we therefore offer nothing but the store,
 * which says why.
 */
bool prov_name_is_safe(const struct prov_ctx *ctx);

/* config.c */

/* Read and check our section. CARD_E_CONFIG names the key. */
int config_read(struct prov_ctx *ctx, struct prov_config *out);
void config_clear(struct prov_config *config);
/* A line to the log, if there is one: card_settings.log. */
void config_log(void *config, const char *line);

/* prompt.c */
card_ask_pin_fn prompt_ask_pin;
/* "PIN of CPS3v3-2300081197 (3 tries left)", cut at cap. */
void prompt_describe(const struct card_pin_question *question, char *out,
                     size_t cap);

/* keymgmt.c: what an EVP_PKEY of ours points at. Constant once made. */
struct prov_key {
    atomic_uint refs;
    struct prov_ctx *prov;
    struct card_key *card;
    EVP_PKEY *public; /* the public half as a stock key */
    bool private;     /* false: a public key object */
};

/* How a key travels from store or decoder to keymgmt: lent for the call. */
struct prov_reference {
    const void *magic; /* prov_reference_magic */
    struct prov_key *key;
};
extern const char prov_reference_magic[];

/* Takes a reference of its own to `card`. */
int prov_key_new(struct prov_ctx *ctx, struct card_key *card, bool private,
                 struct prov_key **out);
struct prov_key *prov_key_ref(struct prov_key *key);
void prov_key_free(struct prov_key *key);
/* Bytes of the modulus. */
size_t prov_key_size(const struct prov_key *key);
/*
 * Whether the key claims to be too small for RSA-PSS, because libssl would
 * choose PSS for it and fail: the card pads PKCS#1 v1.5 only. TLS 1.2 then
 * takes PKCS#1, and TLS 1.3 sends no certificate. Only keys for
 * authentication: a signature key has nothing to do with TLS.
 */
bool prov_key_hides_size(const struct prov_key *key);
/*
 * 1 if `size` bytes hold what the key gives, else 0 with an error raised:
 * programs that go by the hidden size are told of the option.
 */
int prov_key_check_room(const struct prov_key *key, size_t size);

/* software.c: what needs no card, by stock algorithms. */

/* The key in a certificate. CARD_E_PROTOCOL, CARD_E_UNSUPPORTED: not RSA. */
int software_public_key(struct prov_ctx *ctx, struct bytes cert,
                        EVP_PKEY **out);
EVP_PKEY_CTX *software_verifier(const struct prov_key *key);
EVP_PKEY_CTX *software_encryptor(const struct prov_key *key);
/*
 * The hash of that name; *hash says which, CARD_HASH_NONE if no card signs with
 * it, and *is_tls that it is MD5-SHA1. CARD_E_UNSUPPORTED: no such hash.
 */
int software_digest(struct prov_ctx *ctx, const char *name, EVP_MD **md,
                    enum card_hash *hash, bool *is_tls);
/* DER of the AlgorithmIdentifier of RSA PKCS#1 v1.5 with that hash. */
int software_algorithm_id(const EVP_MD *md, struct buf *out);
/* What an RSA padding parameter (number or word) asks for; -1: unknown. */
int software_pad_mode(const OSSL_PARAM *param);
/* Answer such a parameter for a card; 1, or 0 when it has no room. */
int software_tell_pkcs1(OSSL_PARAM *param);

/* store.c */

/*
 * Give the first key a URI names to `cb`, as the store would; `expect` is
 * OSSL_STORE_INFO_PKEY or _PUBKEY. 0 with errors raised.
 */
int store_load_key(struct prov_ctx *ctx, const char *uri, int expect,
                   OSSL_CALLBACK *cb, void *cb_arg,
                   OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg);

extern const OSSL_DISPATCH prov_store_functions[];
extern const OSSL_DISPATCH prov_keymgmt_functions[];
extern const OSSL_DISPATCH prov_signature_functions[];
extern const OSSL_DISPATCH prov_cipher_functions[];
extern const OSSL_DISPATCH prov_decoder_pem_functions[];
extern const OSSL_DISPATCH prov_decoder_der_functions[];

#endif
