/*
 * What the engine calls of the provider that is linked into it.
 */
#ifndef PROVIDER_BUILTIN_H
#define PROVIDER_BUILTIN_H

#include <stdarg.h>

#include <openssl/core.h>

/* Both OSSL_provider_init and OSSL_PROVIDER_add_builtin's function. */
OSSL_provider_init_fn tessera_provider_init;

/* A program's own log, as libp11's control VLOG_A has it; syslog's levels. */
typedef void tessera_vlog_fn(int level, const char *format, va_list args);

/*
 * Settings for an instance, before the first key is wanted of it: UTF-8 strings
 * by the keys of a provider's section, copied. They win over the section and
 * the environment. `vlog` gets the log; NULL: it goes where the settings say.
 * 0 when memory fails.
 */
int tessera_provider_set(void *provctx, const OSSL_PARAM settings[],
                         tessera_vlog_fn *vlog);

#endif
