/*
 * Signatures over a message that is given whole and in one call, because the
 * card hashes it itself: EdDSA and ML-DSA. The public half's stock key
 * verifies.
 */
#include "provider/signature.h"

/* For a refusal, which may come before it is sure that there is a key. */
static const char *type_of(const struct prov_key *key)
{
    return key != NULL && key->type != NULL ? prov_key_type(key) : "such";
}

int sig_whole_start(struct sig_ctx *ctx, enum sig_operation operation,
                    const char *md, void *key)
{
    if (md != NULL && md[0] != '\0')
        return prov_refuse(ctx->prov, CARD_E_ARGUMENT, "%s keys hash the "
                           "message themselves: name no digest, not %s",
                           type_of(key != NULL ? key : ctx->key), md);
    if (!sig_start(ctx, operation, key))
        return 0;
    ctx->message = true;
    return 1;
}

int sig_whole_value_init(void *vctx, void *key, const OSSL_PARAM params[])
{
    const struct sig_ctx *ctx = vctx;

    (void)params;
    return prov_refuse(ctx->prov, CARD_E_UNSUPPORTED, "%s keys take messages, "
                       "not hashes: pkeyutl needs -rawin", type_of(key));
}

int sig_whole_sign(void *vctx, unsigned char *sig, size_t *siglen,
                   size_t sigsize, const unsigned char *data, size_t len)
{
    struct sig_ctx *ctx = vctx;
    struct card_tbs tbs = {.message = bytes_from(data, len)};

    if (ctx->operation != SIG_SIGN)
        return 0;
    if (sig == NULL) {
        *siglen = prov_key_size(ctx->key);
        return 1;
    }
    return prov_key_check_room(ctx->key, sigsize)
           && sig_make(ctx, &tbs, sig, siglen, sigsize);
}

int sig_whole_verify(void *vctx, const unsigned char *sig, size_t siglen,
                     const unsigned char *data, size_t len)
{
    struct sig_ctx *ctx = vctx;
    EVP_MD_CTX *stock;
    int ok;

    if (ctx->operation != SIG_VERIFY || (stock = EVP_MD_CTX_new()) == NULL)
        return 0;
    ok = EVP_DigestVerifyInit_ex(stock, NULL, NULL, prov_libctx(ctx->prov),
                                 NULL, ctx->key->public, NULL) > 0
         && EVP_DigestVerify(stock, sig, siglen, data, len) == 1;
    EVP_MD_CTX_free(stock);
    return ok;
}
