/*
 * A signature operation from inside, for the files that share it: the steps of
 * RSA and ECDSA, their parameters, EdDSA, and OpenSSL 3.4's message interface.
 */
#ifndef PROVIDER_SIGNATURE_H
#define PROVIDER_SIGNATURE_H

#include "provider/provider.h"

enum sig_operation { SIG_NONE, SIG_SIGN, SIG_VERIFY, SIG_RECOVER };

struct sig_ctx {
    struct prov_ctx *prov;
    const char *fixed_md; /* of an algorithm that names its digest, or NULL */
    struct prov_key *key;
    enum sig_operation operation;
    bool message;         /* what is signed or verified is hashed first */
    /*
     * The public half's own context: it verifies, and it keeps and checks the
     * parameters of RSA for signing too. NULL while signing without any.
     */
    EVP_PKEY_CTX *stock;
    const struct prov_digest *md; /* NULL: the value is signed as it is */
    bool md_settled;              /* no other digest any more */
    EVP_MD_CTX *hashing;          /* kept from one message to the next */
    bool begun;                   /* it has part of a message */
    struct sha_stream stream;     /* beside `hashing`, when `midstate` */
    bool midstate;                /* the card may finish the hash itself */
    uint8_t *sig;                 /* to be verified at the end of a message */
    size_t sig_len;
};

/* signature.c: what all algorithms share. */
OSSL_FUNC_signature_newctx_fn sig_newctx;
OSSL_FUNC_signature_freectx_fn sig_freectx;
OSSL_FUNC_signature_dupctx_fn sig_dupctx;
/*
 * Begin an operation: 1, or 0 with errors raised. A key of NULL means the one
 * of the operation before. Parameters and digest are those of a new context,
 * but for a digest that nothing has named anew.
 */
int sig_start(struct sig_ctx *ctx, enum sig_operation operation, void *key);
/* The same with a digest, "" or NULL being none, and parameters, to hash. */
int sig_start_message(struct sig_ctx *ctx, enum sig_operation operation,
                      const char *md, void *key, const OSSL_PARAM params[]);
/* One exchange with the card. */
int sig_make(struct sig_ctx *ctx, const struct card_tbs *tbs,
             unsigned char *sig, size_t *siglen, size_t sigsize);

/* signature.c: RSA and ECDSA, for composite algorithms. */
OSSL_FUNC_signature_sign_init_fn sig_sign_init;
OSSL_FUNC_signature_sign_fn sig_sign;
OSSL_FUNC_signature_verify_init_fn sig_verify_init;
OSSL_FUNC_signature_verify_fn sig_verify;
OSSL_FUNC_signature_verify_recover_init_fn sig_recover_init;
OSSL_FUNC_signature_verify_recover_fn sig_recover;
OSSL_FUNC_signature_digest_sign_update_fn sig_message_update;
OSSL_FUNC_signature_digest_sign_final_fn sig_message_sign;
OSSL_FUNC_signature_digest_verify_final_fn sig_message_verify;
extern const OSSL_DISPATCH sig_functions[];

/* sig_params.c */
OSSL_FUNC_signature_get_ctx_params_fn sig_get_ctx_params;
OSSL_FUNC_signature_gettable_ctx_params_fn sig_gettable_ctx_params;
OSSL_FUNC_signature_set_ctx_params_fn sig_set_ctx_params;
OSSL_FUNC_signature_settable_ctx_params_fn sig_settable_ctx_params;
/* Have ctx->stock, with the digest there is. 1, or 0 with errors raised. */
int sig_open_stock(struct sig_ctx *ctx);
/* Take a digest by name: 1, or 0 with errors raised. */
int sig_set_digest(struct sig_ctx *ctx, const char *name);
/*
 * Say in `tbs`, which holds the value, how it is padded. CARD_E_UNSUPPORTED:
 * the key, or this padding, does not sign such a value.
 */
int sig_describe(const struct sig_ctx *ctx, struct card_tbs *tbs);

/* sig_whole.c */
int sig_whole_start(struct sig_ctx *ctx, enum sig_operation operation,
                    const char *md, void *key);
/* A hash cannot be signed: refused. */
OSSL_FUNC_signature_sign_init_fn sig_whole_value_init;
OSSL_FUNC_signature_sign_fn sig_whole_sign;
OSSL_FUNC_signature_verify_fn sig_whole_verify;

/* eddsa.c */
extern const OSSL_DISPATCH eddsa_functions[];

#endif
