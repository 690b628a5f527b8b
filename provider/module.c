/*
 * The entry point OpenSSL looks up in tessera.so. Apart, because the engine
 * carries the provider too, under tessera_provider_init only.
 */
#include "provider/provider.h"

__attribute__((visibility("default"))) int
OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                   const OSSL_DISPATCH **out, void **provctx)
{
    return tessera_provider_init(handle, in, out, provctx);
}
