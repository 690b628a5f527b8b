/*
 * OpenSSL of this machine, looked at from outside.
 */
#define _GNU_SOURCE /* secure_getenv */
#include "card/tool/ossl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/conferr.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "card/error.h"

static const char *folder(const char *variable, int built_in)
{
    const char *set = secure_getenv(variable);

    if (set == NULL)
        set = OPENSSL_info(built_in);
    return set != NULL ? set : "";
}

const char *ossl_providers(void)
{
    return folder("OPENSSL_MODULES", OPENSSL_INFO_MODULES_DIR);
}

const char *ossl_engines(void)
{
    return folder("OPENSSL_ENGINES", OPENSSL_INFO_ENGINES_DIR);
}

/* Libraries of providers have numbers behind libcrypto's own. */
static bool is_ours(unsigned long code, int flags)
{
    return ERR_GET_LIB(code) > ERR_LIB_USER && (flags & ERR_TXT_STRING) != 0;
}

/* Of any search in a configuration: what is not there need not be. */
static bool is_noise(unsigned long code)
{
    return ERR_GET_LIB(code) == ERR_LIB_CONF &&
           ERR_GET_REASON(code) == CONF_R_NO_VALUE;
}

static void take(unsigned long code, const char *data, int flags, char *out,
                 size_t cap)
{
    const char *reason = ERR_reason_error_string(code);

    if ((flags & ERR_TXT_STRING) != 0 && data[0] != '\0')
        snprintf(out, cap, "%s", data);
    else
        snprintf(out, cap, "%s", reason != NULL ? reason : "?");
}

/* Some codes are libcrypto's own reasons (provider.c). */
static int code_of(int reason)
{
    switch (reason) {
    case ERR_R_MALLOC_FAILURE:
        return CARD_E_MEMORY;
    case ERR_R_INTERRUPTED_OR_CANCELLED:
        return CARD_E_CANCELLED;
    default:
        return card_error_name(-reason)->code == -reason ? -reason
                                                         : CARD_E_UNSUPPORTED;
    }
}

/* Their sentence ends with the remedy, which goes with the code here. */
static int take_ours(unsigned long code, const char *data, char *out,
                     size_t cap)
{
    snprintf(out, cap, "%.*s", (int)strcspn(data, ";"), data);
    return code_of(ERR_GET_REASON(code));
}

int ossl_error(char *out, size_t cap)
{
    unsigned long code;
    bool told = false;
    const char *data;
    int flags, rc = 0;

    snprintf(out, cap, "?");
    while (rc == 0 &&
           (code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        if (is_ours(code, flags))
            rc = take_ours(code, data, out, cap);
        else if (!told && !is_noise(code))
            take(code, data, flags, out, cap);
        told = told || !is_noise(code);
    }
    ERR_clear_error();
    return rc;
}

struct bytes ossl_content(BIO *memory)
{
    char *data = NULL;
    long len = BIO_get_mem_data(memory, &data);

    return bytes_from(data, len > 0 ? (size_t)len : 0);
}

const char *ossl_file_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}
