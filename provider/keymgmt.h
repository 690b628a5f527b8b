/*
 * What key managers of all types share, for the files that have some.
 */
#ifndef PROVIDER_KEYMGMT_H
#define PROVIDER_KEYMGMT_H

#include "provider/provider.h"

OSSL_FUNC_keymgmt_new_fn keymgmt_new;
OSSL_FUNC_keymgmt_free_fn keymgmt_free;
OSSL_FUNC_keymgmt_dup_fn keymgmt_dup;
OSSL_FUNC_keymgmt_has_fn keymgmt_has;
OSSL_FUNC_keymgmt_match_fn keymgmt_match;
OSSL_FUNC_keymgmt_export_fn keymgmt_export;
OSSL_FUNC_keymgmt_get_params_fn keymgmt_get_params;
/* Refused, but there: libcrypto exports its oldest keys without a look. */
OSSL_FUNC_keymgmt_import_fn keymgmt_no_import;
OSSL_FUNC_keymgmt_import_types_fn keymgmt_no_import_types;
/* Of keys whose public half is one string of bytes. */
OSSL_FUNC_keymgmt_export_types_fn keymgmt_raw_export_types;
OSSL_FUNC_keymgmt_gettable_params_fn keymgmt_raw_gettable_params;

/* A key of another type is not for this manager, whoever offers it. */
void *keymgmt_load(const void *reference, size_t size, const char *type);

#define COMMON_FUNCTIONS                                                       \
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))keymgmt_new},                      \
        {OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))keymgmt_free},                \
        {OSSL_FUNC_KEYMGMT_DUP, (void (*)(void))keymgmt_dup},                  \
        {OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))keymgmt_has},                  \
        {OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))keymgmt_match},              \
        {OSSL_FUNC_KEYMGMT_EXPORT, (void (*)(void))keymgmt_export},            \
        {OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))keymgmt_get_params}
#define NO_IMPORT                                                              \
    {OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))keymgmt_no_import},             \
    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))keymgmt_no_import_types}
#define RAW_FUNCTIONS                                                          \
    {OSSL_FUNC_KEYMGMT_EXPORT_TYPES,                                           \
     (void (*)(void))keymgmt_raw_export_types},                                \
        {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS,                                    \
         (void (*)(void))keymgmt_raw_gettable_params}
#define KEYGEN_FUNCTIONS                                                       \
    {OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS,                                         \
     (void (*)(void))prov_keygen_set_params},                                  \
        {OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS,                                \
         (void (*)(void))prov_keygen_settable_params},                         \
        {OSSL_FUNC_KEYMGMT_GEN, (void (*)(void))prov_keygen},                  \
        {OSSL_FUNC_KEYMGMT_GEN_CLEANUP, (void (*)(void))prov_keygen_cleanup}

#endif
