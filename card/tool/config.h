/*
 * openssl.cnf: where it names plugins, which of them is ours, and what the tool
 * obeys of that.
 */
#ifndef CARD_TOOL_CONFIG_H
#define CARD_TOOL_CONFIG_H

#include <stdbool.h>

#include <openssl/conf.h>

/*
 * The entries of the section that `list` ("providers", "engines") names in the
 * one that openssl_conf names. NULL, which is an empty one: it is not there.
 */
const STACK_OF(CONF_VALUE) *config_plugins(const CONF *conf, const char *list);
/* In such names libcrypto lets "1.default" stand for "default"; lent. */
const char *config_plain_name(const char *name);
/* Our provider's entry: by the file that it loads, or by its name. */
bool config_is_tessera(const CONF *conf, const CONF_VALUE *entry);

/* The same keys of openssl.cnf that the provider has. */
struct tool_config {
    bool cache, keypad;
    bool activated; /* it names the provider at all */
};
void tool_config(struct tool_config *out);

#endif
