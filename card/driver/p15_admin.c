/*
 * TokenInfo and EF.DIR of ISO 7816-15 to fields for people.
 */
#include "card/driver/p15_admin.h"

#include <stdio.h>
#include <string.h>

#include "card/wire/apdu.h"
#include "card/wire/tlv.h"

enum { MAX_APPS = 8, MAX_DIR = 1024, TIME_DIGITS = 14 };

static const uint8_t path_dir[] = {0x3F, 0x00, 0x2F, 0x00};

/* ---- files --------------------------------------------------------------- */

int p15_admin_read(struct token *t, struct bytes path, struct p15_range range,
                   struct buf *file)
{
    const struct p15_token *p15 = t->priv;
    int rc;

    if (range.length == 0 || range.length > file->cap)
        range.length = file->cap;
    rc = p15->dialect->select_file(t, path);
    return rc < 0 ? rc : p15_read_objects(t, range, file);
}

bool p15_admin_is_closed(int rc)
{
    return apdu_refused(rc) || rc == CARD_E_LOGIN || rc == CARD_E_PIN_LOCKED;
}

/* ---- time ---------------------------------------------------------------- */

void p15_describe_time(struct fields *f, const char *name, const char *time,
                       const char *source)
{
    size_t digits = strspn(time, "0123456789");
    bool utc = strcmp(time + digits, "Z") == 0;
    char readable[32];

    if (digits != TIME_DIGITS || (!utc && time[digits] != '\0')) {
        fields_text(f, name, bytes_of_string(time), source, false);
        return;
    }
    snprintf(readable, sizeof(readable), "%.4s-%.2s-%.2s %.2s:%.2s:%.2s%s",
             time, time + 4, time + 6, time + 8, time + 10, time + 12,
             utc ? " UTC" : "");
    fields_text(f, name, bytes_of_string(readable), source, false);
}

/* ---- TokenInfo ----------------------------------------------------------- */

/* PKCS#11 2.40, mechanisms: those that cards tell of. */
static const struct {
    uint32_t value;
    const char *name;
} mechanisms[] = {
    {0x0000, "CKM_RSA_PKCS_KEY_PAIR_GEN"},
    {0x0001, "CKM_RSA_PKCS"},
    {0x0002, "CKM_RSA_9796"},
    {0x0003, "CKM_RSA_X_509"},
    {0x0005, "CKM_MD5_RSA_PKCS"},
    {0x0006, "CKM_SHA1_RSA_PKCS"},
    {0x0009, "CKM_RSA_PKCS_OAEP"},
    {0x000D, "CKM_RSA_PKCS_PSS"},
    {0x000E, "CKM_SHA1_RSA_PKCS_PSS"},
    {0x0040, "CKM_SHA256_RSA_PKCS"},
    {0x0041, "CKM_SHA384_RSA_PKCS"},
    {0x0042, "CKM_SHA512_RSA_PKCS"},
    {0x0043, "CKM_SHA256_RSA_PKCS_PSS"},
    {0x0044, "CKM_SHA384_RSA_PKCS_PSS"},
    {0x0045, "CKM_SHA512_RSA_PKCS_PSS"},
    {0x0046, "CKM_SHA224_RSA_PKCS"},
    {0x0131, "CKM_DES3_KEY_GEN"},
    {0x0132, "CKM_DES3_ECB"},
    {0x0133, "CKM_DES3_CBC"},
    {0x0210, "CKM_MD5"},
    {0x0220, "CKM_SHA_1"},
    {0x0250, "CKM_SHA256"},
    {0x0255, "CKM_SHA224"},
    {0x0260, "CKM_SHA384"},
    {0x0270, "CKM_SHA512"},
    {0x1040, "CKM_EC_KEY_PAIR_GEN"},
    {0x1041, "CKM_ECDSA"},
    {0x1042, "CKM_ECDSA_SHA1"},
    {0x1043, "CKM_ECDSA_SHA224"},
    {0x1044, "CKM_ECDSA_SHA256"},
    {0x1045, "CKM_ECDSA_SHA384"},
    {0x1046, "CKM_ECDSA_SHA512"},
    {0x1050, "CKM_ECDH1_DERIVE"},
    {0x1051, "CKM_ECDH1_COFACTOR_DERIVE"},
    {0x1080, "CKM_AES_KEY_GEN"},
    {0x1081, "CKM_AES_ECB"},
    {0x1082, "CKM_AES_CBC"},
};

static void put_mechanism(uint32_t value, struct buf *list)
{
    char number[16];
    const char *name = number;

    snprintf(number, sizeof(number), "0x%04lX", (unsigned long)value);
    for (size_t i = 0; i < nitems(mechanisms); i++)
        if (mechanisms[i].value == value)
            name = mechanisms[i].name;
    if (list->len > 0)
        buf_put(list, bytes_of_string(", "));
    buf_put(list, bytes_of_string(name));
}

/* One that signs and deciphers stands there twice. */
static bool is_repeated(const struct p15_token_info *info, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (info->algorithms[j].mechanism == info->algorithms[i].mechanism)
            return true;
    return false;
}

static void put_algorithms(struct fields *f, const struct p15_token_info *info,
                           const char *source)
{
    uint8_t space[FIELD_MAX];
    struct buf list = BUF_ON(space);

    for (size_t i = 0; i < info->algorithm_count; i++)
        if (!is_repeated(info, i))
            put_mechanism(info->algorithms[i].mechanism, &list);
    fields_text(f, "algorithms", buf_view(&list), source, false);
}

const char *p15_info_source(const struct token *t)
{
    const struct p15_token *p15 = t->priv;

    return p15->swapped ? "TokenInfo (5031)" : "TokenInfo (5032)";
}

void p15_describe_info(const struct token *t, const struct p15_token_info *info,
                       struct fields *f)
{
    const char *source = p15_info_source(t);

    fields_text(f, "label", bytes_of_string(info->label), source, false);
    fields_text(f, "manufacturer", bytes_of_string(info->manufacturer), source,
                false);
    if (info->version >= 0)
        fields_number(f, "token-version", (uint32_t)info->version, source);
    fields_text(f, "token-serial", bytes_of_string(info->serial), source,
                false);
    p15_describe_time(f, "last-update", info->last_update, source);
    put_algorithms(f, info, source);
}

int p15_describe_token(struct token *t, struct fields *f)
{
    const struct p15_token *p15 = t->priv;
    int rc = t->driver->list(t, TOKEN_INFO);

    if (rc == 0)
        p15_describe_info(t, &p15->info, f);
    return rc;
}

/* ---- EF.DIR -------------------------------------------------------------- */

/* Its path may be there without the MF. */
static bool is_app(const struct p15_app *app, struct bytes aid,
                   struct bytes path)
{
    static const uint8_t mf[] = {0x3F, 0x00};
    struct bytes listed = bytes_from(app->path.data, app->path.len), skipped;

    if (aid.len > 0)
        return bytes_equal(bytes_from(app->aid.data, app->aid.len), aid);
    if (bytes_start_with(listed, BYTES_OF(mf)))
        bytes_take(&listed, sizeof(mf), &skipped);
    if (bytes_start_with(path, BYTES_OF(mf)))
        bytes_take(&path, sizeof(mf), &skipped);
    return path.len > 0 && bytes_equal(listed, path);
}

static void put_app(struct fields *f, struct bytes aid, const char *label,
                    const char *source)
{
    char hex[2 * CARD_PATH_MAX + 1], value[sizeof(hex) + CARD_LABEL_MAX];

    bytes_to_hex(aid, hex, sizeof(hex));
    snprintf(value, sizeof(value), "%s%s%s", hex,
             hex[0] != '\0' && label[0] != '\0' ? " " : "", label);
    fields_text(f, "application", bytes_of_string(value), source, false);
}

int p15_describe_application(struct token *t, struct bytes aid,
                             struct bytes path, struct fields *f)
{
    uint8_t space[MAX_DIR];
    struct buf file = BUF_ON(space);
    struct p15_app apps[MAX_APPS];
    size_t count = 0;
    int rc = p15_admin_read(t, BYTES_OF(path_dir), p15_whole, &file);

    if (rc < 0 && !p15_admin_is_closed(rc))
        return rc;
    p15_parse_dir(buf_view(&file), apps, nitems(apps), &count);
    for (size_t i = 0; i < count; i++) {
        if (!is_app(&apps[i], aid, path))
            continue;
        put_app(f, bytes_from(apps[i].aid.data, apps[i].aid.len),
                apps[i].label, "EF.DIR (2F00)");
        return 0;
    }
    put_app(f, aid, "", "SELECT");
    return 0;
}

/* ---- PINs ---------------------------------------------------------------- */

struct card_pin_info *p15_add_puk(struct token *t, const char *label)
{
    const struct card_pin_info *pin = NULL;
    struct card_pin_info *puk;

    for (size_t i = t->pin_count; i-- > 0;) {
        if (t->pins[i].unblocking)
            return NULL;
        pin = &t->pins[i];
    }
    if (pin == NULL || t->pin_count == nitems(t->pins))
        return NULL;
    puk = &t->pins[t->pin_count++];
    *puk = *pin;
    snprintf(puk->label, sizeof(puk->label), "%s", label);
    puk->unblocking = true;
    puk->auth_id = pin->protected_by;
    puk->protected_by.len = 0;
    puk->tries_left = puk->tries_max = CARD_TRIES_UNKNOWN;
    return puk;
}
