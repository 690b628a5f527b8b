/*
 * What the files that read the provider's section share.
 */
#ifndef PROVIDER_CONFIG_H
#define PROVIDER_CONFIG_H

#include "provider/provider.h"

/*
 * What stands under a key: in the settings of the engine, else in our section.
 * NULL when it is not there. Lent for the life of the provider.
 */
const char *config_value(const struct prov_ctx *ctx, const char *key);
/* Only what the engine set: it goes before all else. */
const char *config_setting(const struct prov_ctx *ctx, const char *key);
/*
 * The same for keys that mean the same, the last one NULL: *key is the one that
 * is there. CARD_E_CONFIG when two are.
 */
int config_one_of(const struct prov_ctx *ctx, const char *const keys[],
                  const char **key, const char **value);
/*
 * A variable of the environment: NULL when it is not set, empty, or in a
 * program that has rights its user has not (threat T5). Lent until setenv.
 */
const char *config_environment(const char *name);

/* config_keys.c: CARD_E_CONFIG names a key that is not known. */
int config_check_keys(const struct prov_ctx *ctx);
/* Log the keys that are accepted and have no meaning here. */
void config_explain_keys(const struct prov_ctx *ctx,
                         struct prov_config *config);

/* config_log.c */
int config_open_log(const struct prov_ctx *ctx, struct prov_config *config);
void config_close_log(struct prov_config *config);

/*
 * config_modules.c: the PKCS#11 modules, by absolute path, and only such that
 * nobody else can replace (threat T24). Their arguments are lent.
 */
int config_read_modules(const struct prov_ctx *ctx,
                        struct prov_config *config);
void config_free_modules(struct prov_config *config);

#endif
