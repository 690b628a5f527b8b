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
#include "provider/builtin.h"

#define PROV_VERSION "0.1.0"
/* As the default provider names them: the first is the type's name. */
#define PROV_NAMES_RSA "RSA:rsaEncryption:1.2.840.113549.1.1.1"
#define PROV_NAMES_RSA_PSS "RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10"
#define PROV_NAMES_EC "EC:id-ecPublicKey:1.2.840.10045.2.1"
#define PROV_NAMES_ED25519 "ED25519:1.3.101.112"
#define PROV_NAMES_ED448 "ED448:1.3.101.113"
#define PROV_NAMES_X25519 "X25519:1.3.101.110"
#define PROV_NAMES_X448 "X448:1.3.101.111"

enum {
    PROV_MAX_MODULES = 8,
    PROV_ERRORS_MAX = 48,  /* reason strings, with the last, empty one */
    PROV_OPERATIONS = 8,   /* OSSL_OP_... that we have algorithms for */
    PROV_MD_NAME_MAX = 50  /* as libcrypto's OSSL_MAX_NAME_SIZE */
};

/*
 * Our own names for what our keys sign with, beside the standard ones: for a
 * name that it knows libcrypto first offers the key to the default provider,
 * which costs a sixth of EVP_DigestSignInit and always fails.
 */
#define PROV_SIGN_RSA "TESSERA-RSA"
#define PROV_SIGN_EC "TESSERA-ECDSA"
#define PROV_SIGN_ED25519 "TESSERA-ED25519"
#define PROV_SIGN_ED448 "TESSERA-ED448"

/* An algorithm we offer; a row without names ends a table. */
struct prov_algorithm {
    const char *names;      /* with aliases, separated by ':' */
    const char *properties; /* what follows "provider=NAME", or "" */
    const OSSL_DISPATCH *functions;
    const char *words; /* for a person */
};

/* Each is in the file of its subject. */
extern const struct prov_algorithm prov_stores[];     /* store.c */
extern const struct prov_algorithm prov_keymgmts[];   /* keymgmt.c */
extern const struct prov_algorithm prov_signatures[]; /* sig_algorithms.c */
extern const struct prov_algorithm prov_ciphers[];    /* asymcipher.c */
extern const struct prov_algorithm prov_exchanges[];  /* keyexch.c */
extern const struct prov_algorithm prov_encoders[];   /* encoder.c */
extern const struct prov_algorithm prov_decoders[];   /* decoder.c */

/* What libcrypto offers a provider; of it, what we call. */
struct prov_core {
    OSSL_FUNC_core_get_params_fn *get_params;
    OSSL_FUNC_core_new_error_fn *new_error;
    OSSL_FUNC_core_vset_error_fn *vset_error;
    OSSL_FUNC_core_set_error_mark_fn *set_error_mark;
    OSSL_FUNC_core_pop_error_to_mark_fn *pop_error_to_mark;
    OSSL_FUNC_provider_up_ref_fn *up_ref;
};

/* The provider's section of the configuration, read at the first use. */
struct prov_config {
    struct secret *pin;
    char pin_problem[256];  /* why there is none, or "" */
    const char *trace;      /* lent by libcrypto; NULL: none */
    bool pin_for_signature;
    bool pin_not_last;
    bool hide_size;         /* see prov_key_hides_size */
    struct card_module modules[PROV_MAX_MODULES]; /* paths owned */
    size_t module_count;
    bool check_tokens;      /* as card_settings have these two */
    bool login_always;
    bool cache;             /* of what cards show everybody */
    bool no_keypad;         /* likewise */
    bool keypad_always;     /* also where nobody can be told */
    tessera_vlog_fn *vlog;  /* a program's own log, or NULL */
    int log_fd;             /* -1: no log */
    bool own_log_fd;
};

/*
 * Property strings carry the name the provider was activated under, so the
 * tables are made once per context.
 */
struct prov_tables {
    OSSL_ALGORITHM *rows;                         /* of all operations */
    char *properties;                             /* of all rows */
    const OSSL_ALGORITHM *start[PROV_OPERATIONS]; /* in rows */
    OSSL_ITEM errors[PROV_ERRORS_MAX];
};

struct prov_ctx {
    const OSSL_CORE_HANDLE *handle;
    struct prov_core core;
    OSSL_DISPATCH *core_functions; /* a copy, for `libctx` */
    char *name;                    /* as activated */
    OSSL_PARAM *settings;          /* of the engine, or NULL */
    tessera_vlog_fn *vlog;         /* likewise */
    uint32_t blocked;              /* 1 << OSSL_OP_...: not to be offered */
    struct prov_tables tables;
    struct lock lock;              /* guards what follows until it is there */
    OSSL_LIB_CTX *libctx;          /* our own: stock algorithms */
    _Atomic(struct prov_digest *) digests; /* fetched so far; no lock */
    _Atomic(struct card_context *) cards;
    struct prov_config config;     /* constant once `cards` is there */
};

/* provider.c */

/*
 * The one crossing from the card layer's errors to OpenSSL's: 1 for success,
 * else 0 with this thread's sentence and the remedy in the error queue.
 */
int prov_result(const struct prov_ctx *ctx, int rc);
/*
 * Around what reaches a card or module: a module may use libcrypto too, and
 * what it leaves in this thread's error queue is no business of the program.
 */
void prov_enter(const struct prov_ctx *ctx);
void prov_leave(const struct prov_ctx *ctx);
/* The same for a sentence that holds its own remedy; 0. */
int prov_refuse(const struct prov_ctx *ctx, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/*
 * Call it when a key goes, which may be after OPENSSL_cleanup: then libcrypto
 * crashes over the reason strings of a provider that ends, so it must not.
 */
void prov_outlive_cleanup(const struct prov_ctx *ctx);
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
bool config_has_log(const struct prov_config *config);
/* A line to the log, if there is one: card_settings.log. */
void config_log(void *config, const char *line);
/* What our section says we shall not offer; bits are 1 << OSSL_OP_... */
uint32_t config_blocked_operations(const struct prov_ctx *ctx);

/* prompt.c */
card_ask_pin_fn prompt_ask_pin;
/* "PIN of CPS3v3-2300081197 (3 tries left)", cut at cap. */
void prompt_describe(const struct card_pin_question *question, char *out,
                     size_t cap);

/* A kind of key as OpenSSL and as the card layer call it. */
struct prov_key_type {
    const char *name;
    enum card_key_type card;
};

/*
 * keymgmt.c: what an EVP_PKEY of ours points at. Constant once made, but for
 * what becomes a peer's key: its `public` and `type` are NULL until an import.
 */
struct prov_key {
    atomic_uint refs;
    struct prov_ctx *prov;
    struct card_key *card; /* NULL: public half of a peer, on no card */
    EVP_PKEY *public;      /* the public half as a stock key */
    const struct prov_key_type *type;
    bool private;          /* false: a public key object */
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
/* OpenSSL's name of its type: RSA, RSA-PSS, EC, ED25519, X25519... Lent. */
const char *prov_key_type(const struct prov_key *key);
/* key "CPS_PRIV_AUT" of ..., as card_key_name; of a peer "a peer's key". */
const char *prov_key_name(const struct prov_key *key);
/* Bytes of the longest result: RSA modulus, signature, X25519 secret. */
size_t prov_key_size(const struct prov_key *key);
/*
 * Whether the key claims to be too small for RSA-PSS, because libssl would
 * choose PSS for it and fail: it is an RSA key that makes no PSS. TLS 1.2 then
 * takes PKCS#1, and TLS 1.3 sends no certificate. Only keys for
 * authentication: a signature key has nothing to do with TLS.
 */
bool prov_key_hides_size(const struct prov_key *key);
/*
 * 1 if `size` bytes hold what the key gives, else 0 with an error raised:
 * programs that go by the hidden size are told of the option.
 */
int prov_key_check_room(const struct prov_key *key, size_t size);

/* keygen.c: on the token that the parameter pkcs11_uri names. */
OSSL_FUNC_keymgmt_gen_init_fn prov_keygen_init_rsa, prov_keygen_init_ec,
    prov_keygen_init_ed25519, prov_keygen_init_ed448, prov_keygen_init_x25519,
    prov_keygen_init_x448;
void *prov_keygen_init(void *provctx, enum card_key_type type, unsigned bits,
                       int selection, const OSSL_PARAM params[]);
OSSL_FUNC_keymgmt_gen_set_params_fn prov_keygen_set_params;
OSSL_FUNC_keymgmt_gen_set_template_fn prov_keygen_set_template;
OSSL_FUNC_keymgmt_gen_settable_params_fn prov_keygen_settable_params;
OSSL_FUNC_keymgmt_gen_fn prov_keygen;
OSSL_FUNC_keymgmt_gen_cleanup_fn prov_keygen_cleanup;

/* software.c: what needs no card, by stock algorithms. */

/* The key in a DER SubjectPublicKeyInfo. CARD_E_PROTOCOL, CARD_E_UNSUPPORTED */
int software_public_key(struct prov_ctx *ctx, struct bytes spki,
                        EVP_PKEY **out);
/* A context of the public half, `init`ialised, or NULL with errors raised. */
EVP_PKEY_CTX *software_public_operation(const struct prov_key *key,
                                        int (*init)(EVP_PKEY_CTX *));
EVP_PKEY_CTX *software_encryptor(const struct prov_key *key);

/* A hash by name, fetched once and kept for the provider's life. */
struct prov_digest {
    struct prov_digest *next;
    EVP_MD *md;
    size_t size;         /* bytes of a value */
    enum card_hash hash; /* CARD_HASH_NONE: the card layer does not know it */
    bool is_tls;         /* MD5-SHA1, which has no DigestInfo */
    char name[PROV_MD_NAME_MAX]; /* as it was asked for */
};

/* The hash of that name, lent. CARD_E_UNSUPPORTED: no such hash. */
int software_digest(struct prov_ctx *ctx, const char *name,
                    const struct prov_digest **out);
void software_forget_digests(struct prov_ctx *ctx);
/*
 * DigestInfo (RFC 8017 9.2) of a hash value, for the hashes that the card layer
 * does not know. CARD_E_UNSUPPORTED: the hash has no identifier; CARD_E_BUFFER.
 */
int software_digest_info(const struct prov_digest *digest, struct bytes value,
                         struct buf *out);
/* What an RSA padding parameter (number or word) asks for; -1: unknown. */
int software_pad_mode(const OSSL_PARAM *param);
/* Answer such a parameter, either way; 1, or 0 when it has no room. */
int software_tell_pad_mode(OSSL_PARAM *param, int mode);

/* store.c */

/*
 * Give the first key a URI names to `cb`, as the store would; `expect` is
 * OSSL_STORE_INFO_PKEY or _PUBKEY. 0 with errors raised.
 */
int store_load_key(struct prov_ctx *ctx, const char *uri, int expect,
                   OSSL_CALLBACK *cb, void *cb_arg,
                   OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_arg);

#endif
