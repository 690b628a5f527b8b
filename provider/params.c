/*
 * Parameters of programs: see the header.
 */
#include "provider/params.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/params.h>

bool param_text(const OSSL_PARAM *p, char *out, size_t cap)
{
    size_t len;

    if (p->data_type != OSSL_PARAM_UTF8_STRING || p->data == NULL)
        return false;
    len = strnlen(p->data, p->data_size);
    if (len >= cap)
        return false;
    memcpy(out, p->data, len);
    out[len] = '\0';
    return true;
}

/* libcrypto copies nothing of no bytes, which would look like no memory. */
bool param_octets(const OSSL_PARAM *p, unsigned char **data, size_t *len)
{
    void *copy = NULL;
    size_t copied;

    if (!OSSL_PARAM_get_octet_string(p, &copy, 0, &copied))
        return false;
    if (copied == 0) {
        OPENSSL_free(copy);
        copy = NULL;
    }
    OPENSSL_free(*data);
    *data = copy;
    *len = copied;
    return true;
}

int param_digest(struct prov_ctx *ctx, const OSSL_PARAM *p,
                 const struct prov_digest **out)
{
    char name[PROV_MD_NAME_MAX];
    const struct prov_digest *digest;

    if (!param_text(p, name, sizeof(name))
        || !prov_result(ctx, software_digest(ctx, name, &digest)))
        return 0;
    *out = digest;
    return 1;
}
