/*
 * The environment of p11-wrap.so (wrap.h), and the small files it names.
 */
#include "tests/p11/wrap.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Every CKR_ and CKM_ of the header, made by CMake. */
static const struct {
    const char *name;
    unsigned long value;
} names[] = {
#include "p11_names.inc"
};

static const struct {
    const char *name;
    enum fault_kind kind;
} kinds[] = {
    {"garbage", FAULT_GARBAGE},
    {"huge",    FAULT_HUGE   },
    {"max",     FAULT_MAX    },
    {"zero",    FAULT_ZERO   },
    {"long",    FAULT_LONG   },
    {"gone",    FAULT_GONE   },
};

enum { NAMES = sizeof(names) / sizeof(names[0]) };
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static bool complain(const char *variable, const char *value)
{
    fprintf(stderr, "p11-wrap: %s: cannot read \"%s\"\n", variable, value);
    return false;
}

/* A number that fills the string up to one of the characters in `stop`. */
static bool read_number(const char **s, const char *stop, unsigned long *n)
{
    char *end;

    errno = 0;
    *n = strtoul(*s, &end, 0);
    if (errno != 0 || end == *s || (*end != '\0' && !strchr(stop, *end)))
        return false;
    *s = end;
    return true;
}

static bool read_text(const char *variable, char out[WRAP_PATH_MAX])
{
    const char *value = getenv(variable);
    size_t len = value == NULL ? 0 : strlen(value);

    if (len >= WRAP_PATH_MAX)
        return complain(variable, value);
    memset(out, 0, WRAP_PATH_MAX);
    if (len > 0)
        memcpy(out, value, len);
    return true;
}

static bool read_switch(const char *variable, bool *out)
{
    const char *value = getenv(variable);

    *out = value != NULL && strcmp(value, "1") == 0;
    return *out || value == NULL || *value == '\0' || strcmp(value, "0") == 0
           || complain(variable, value);
}

static bool read_limit(const char *variable, unsigned long *out)
{
    const char *value = getenv(variable), *end = value;

    *out = 0;
    return value == NULL || read_number(&end, "", out)
           || complain(variable, value);
}

static bool read_kind(const char *s, struct fault *f)
{
    f->kind = FAULT_CODE;
    if (read_number(&s, "", &f->value))
        return true;
    for (size_t i = 0; i < NAMES; i++) {
        if (strncmp(s, "CKR_", 4) == 0 && strcmp(s, names[i].name) == 0) {
            f->value = names[i].value;
            return true;
        }
    }
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(s, kinds[i].name) == 0) {
            f->kind = kinds[i].kind;
            return true;
        }
    }
    f->kind = FAULT_HANG;
    if (strncmp(s, "hang:", 5) != 0)
        return false;
    s += 5;
    return read_number(&s, "", &f->value);
}

/* [FUNCTION#]N[+]:KIND */
static bool read_fault(struct wrap_config *config, const char *s)
{
    struct fault f = {.at = 0};
    const char *hash = strchr(s, '#');

    if (hash != NULL) {
        if ((size_t)(hash - s) >= sizeof(f.function))
            return false;
        memcpy(f.function, s, (size_t)(hash - s));
        s = hash + 1;
    }
    if (!read_number(&s, "+:", &f.at) || f.at == 0)
        return false;
    f.onward = *s == '+';
    s += f.onward;
    if (*s != ':' || !read_kind(s + 1, &f)
        || config->faults_len == WRAP_MAX_FAULTS)
        return false;
    config->faults[config->faults_len++] = f;
    return true;
}

static bool hide(struct wrap_config *config, CK_MECHANISM_TYPE mechanism)
{
    if (config->hidden_len == WRAP_MAX_HIDDEN)
        return false;
    config->hidden[config->hidden_len++] = mechanism;
    return true;
}

static bool read_hidden(struct wrap_config *config, const char *s)
{
    unsigned long number;
    bool found = false;

    if (read_number(&s, "", &number))
        return hide(config, number);
    for (size_t i = 0; i < NAMES; i++) {
        if (strncmp(names[i].name, "CKM_", 4) != 0
            || fnmatch(s, names[i].name, 0) != 0)
            continue;
        if (!hide(config, names[i].value))
            return false;
        found = true;
    }
    return found;
}

/* A list, comma by comma. */
static bool read_list(const char *variable, struct wrap_config *config,
                      bool (*read_one)(struct wrap_config *config,
                                       const char *s))
{
    const char *value = getenv(variable);
    char copy[1024], *rest = copy, *one;

    if (value == NULL || *value == '\0')
        return true;
    if (strlen(value) >= sizeof(copy))
        return complain(variable, value);
    memcpy(copy, value, strlen(value) + 1);
    while ((one = strtok_r(rest, ",", &rest)) != NULL) {
        if (!read_one(config, one))
            return complain(variable, one);
    }
    return true;
}

bool wrap_config_read(struct wrap_config *config)
{
    config->faults_len = 0;
    config->hidden_len = 0;
    return read_text("P11_WRAP_MODULE", config->module)
           && read_text("P11_WRAP_LOG", config->log)
           && read_text("P11_WRAP_BACK", config->back)
           && read_text("P11_WRAP_LATE", config->late)
           && read_text("P11_WRAP_SLOT_SHIFT", config->shift)
           && read_text("P11_WRAP_TRIES", config->tries)
           && read_text("P11_WRAP_PIN", config->pin)
           && read_switch("P11_WRAP_ALWAYS_AUTH", &config->always_auth)
           && read_switch("P11_WRAP_KEYPAD", &config->keypad)
           && read_switch("P11_WRAP_NO_LOGIN", &config->no_login)
           && read_switch("P11_WRAP_EARLY_PRIVATE", &config->early_private)
           && read_switch("P11_WRAP_NO_COUNT_LOW", &config->no_count_low)
           && read_limit("P11_WRAP_LIMIT", &config->limit)
           && read_limit("P11_WRAP_RSA_TYPE", &config->rsa_type)
           && read_list("P11_WRAP_HIDE", config, read_hidden)
           && read_list("P11_WRAP_FAULT", config, read_fault);
}

bool wrap_hidden(CK_MECHANISM_TYPE mechanism)
{
    for (size_t i = 0; i < wrap_config.hidden_len; i++) {
        if (wrap_config.hidden[i] == mechanism)
            return true;
    }
    return false;
}

bool wrap_file_exists(const char *path)
{
    return *path != '\0' && access(path, F_OK) == 0;
}

unsigned long wrap_file_number(const char *path)
{
    FILE *f = *path == '\0' ? NULL : fopen(path, "re");
    unsigned long number = 0;

    if (f == NULL)
        return 0;
    if (fscanf(f, "%lu", &number) != 1)
        number = 0;
    fclose(f);
    return number;
}
