/*
 * libFuzzer: files that programs give OpenSSL as keys. The input goes through
 * OpenSSL's decoders with the provider among them, and as DER through the
 * parser of wrapped URIs alone. There is no reader: a URI finds nothing, and
 * no card of this machine is asked.
 */
#include <string.h>

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "card/error.h"
#include "card/reader/reader.h"
#include "card/wrapped_uri.h"
#include "provider/builtin.h"
#include "tests/fuzz/fuzz.h"

static int no_list(void *io, struct reader_list *out)
{
    (void)io;
    out->count = 0;
    return card_fail(CARD_E_NO_READER, "no reader in this test");
}

/* In place of PC/SC: its object file is not linked then. */
const struct reader_ops reader_pcsc = {.list = no_list};

/* Without the cache: it is in the home of whoever runs this. */
static OSSL_LIB_CTX *new_libctx(void)
{
    char no[] = "no";
    const OSSL_PARAM settings[] = {
        OSSL_PARAM_construct_utf8_string("cache", no, 0),
        OSSL_PARAM_construct_end()};
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *tessera;

    must(libctx != NULL && OSSL_PROVIDER_load(libctx, "default") != NULL &&
             OSSL_PROVIDER_add_builtin(libctx, "tessera",
                                       tessera_provider_init) == 1 &&
             (tessera = OSSL_PROVIDER_load(libctx, "tessera")) != NULL &&
             tessera_provider_set(OSSL_PROVIDER_get0_provider_ctx(tessera),
                                  settings, NULL) == 1,
         "the provider loads");
    return libctx;
}

/* Our decoders alone: OpenSSL's own are not what is tested. */
static OSSL_DECODER_CTX *new_decoders(EVP_PKEY **key)
{
    OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(
        key, NULL, NULL, NULL, 0, new_libctx(), "provider=tessera");

    must(ctx != NULL, "there are decoders");
    return ctx;
}

static void decode_file(struct bytes file)
{
    static OSSL_DECODER_CTX *ctx;
    static EVP_PKEY *key;
    const unsigned char *data = file.data;
    size_t len = file.len;

    if (ctx == NULL)
        ctx = new_decoders(&key);
    must(!OSSL_DECODER_from_data(ctx, &data, &len) && key == NULL,
         "no key comes from nowhere");
    ERR_clear_error();
}

/* What is taken for a URI is written and read the same. */
static void must_come_back(const char *uri)
{
    uint8_t space[WRAPPED_URI_MAX];
    struct buf der = BUF_ON(space);
    char again[CARD_URI_MAX + 1];

    must(wrapped_uri_encode(bytes_of_string(uri), &der) == 0,
         "a URI that was read can be written");
    must(wrapped_uri_decode(buf_view(&der), again) && strcmp(uri, again) == 0,
         "a URI that was written can be read");
}

static void decode_der(struct bytes der)
{
    char uri[CARD_URI_MAX + 1];
    struct card_uri parsed;

    if (!wrapped_uri_decode(der, uri))
        return;
    must_be_string(uri, sizeof(uri));
    must_come_back(uri);
    if (card_uri_parse(uri, &parsed) == 0)
        card_uri_clear(&parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_from(data, size);

    decode_der(input);
    ERR_clear_error();
    decode_file(input);
    return 0;
}
