/*
 * Files of CPS cards to fields for people. Facts: fact sheet cps3, sections 4,
 * 5 and 9; what it calls unknown is given as it stands there.
 */
#include "card/driver/cps_admin.h"

#include <stdio.h>
#include <string.h>

#include "card/driver/fields_tlv.h"
#include "card/driver/ias.h"
#include "card/driver/p15_admin.h"
#include "card/wire/p15_data.h"
#include "card/wire/tlv.h"

enum {
    ISSUER_LEN = 5,
    SN_LEN = 10,       /* issuer, eight digits, check digit and filler */
    UPDATE_LEN = 7,    /* BCD: YYYYMMDDhhmmss */
    LOGICAL_DIGITS = 10,
    DATA_MAX = 4096,   /* bytes of a data object's file */
    MAX_DATA = 24,     /* data objects */
    MAX_ACTIVITIES = 16,
    PREFIX_MAX = 16
};

static const uint8_t path_sn[] = {0x3F, 0x00, 0xD0, 0x03};
static const uint8_t path_update[] = {0x3F, 0x00, 0xD0, 0x10};
static const uint8_t fid_data[] = {0xD1, 0x07};

/* ---- of the card --------------------------------------------------------- */

/* PC/SC part 3, 3.1.3.2.3.1: the ATR that readers make of contactless cards. */
static void put_interface(struct token *t, struct fields *f)
{
    const struct reader *r = t->reader;
    bool contactless = r->atr_len >= 4 && (r->atr[1] & 0xF0) == 0x80 &&
                       r->atr[2] == 0x80 && r->atr[3] == 0x01;

    fields_text(f, "interface",
                bytes_of_string(contactless ? "contactless" : "contact"),
                "ATR", false);
}

/* What the check digit covers is not known: it is shown, never judged. */
static int put_serial(struct token *t, struct fields *f)
{
    static const char source[] = "EF.SN (D003)";
    uint8_t space[IAS_CPS_SERIAL];
    struct buf file = BUF_ON(space);
    struct bytes cursor, issuer;
    struct tlv sn;
    uint8_t check;
    int rc = p15_admin_read(t, BYTES_OF(path_sn), p15_whole, &file);

    if (rc < 0 && !p15_admin_is_closed(rc))
        return rc;
    fields_text(f, "serial", bytes_of_string(t->serial), source, false);
    cursor = buf_view(&file);
    if (!tlv_next_is(&cursor, 0x5A, &sn) || sn.value.len != SN_LEN)
        return 0;
    check = sn.value.data[SN_LEN - 1] >> 4;
    if (check <= 9)
        fields_number(f, "serial-check", check, source);
    bytes_take(&sn.value, ISSUER_LEN, &issuer);
    fields_hex(f, "issuer-id", issuer, source, false);
    return 0;
}

static void put_date(struct fields *f, const char *name, struct bytes dates,
                     uint32_t tag, const char *source)
{
    char digits[2 * UPDATE_LEN + 1];
    struct tlv date;

    if (tlv_find(dates, tag, &date) && date.value.len == UPDATE_LEN)
        p15_describe_time(f, name,
                          bytes_to_hex(date.value, digits, sizeof(digits)),
                          source);
}

static int put_update(struct token *t, struct fields *f)
{
    static const char source[] = "EF D010";
    uint8_t space[IAS_CPS_UPDATE];
    struct buf file = BUF_ON(space);
    struct bytes cursor;
    struct tlv dates;
    int rc = p15_admin_read(t, BYTES_OF(path_update), p15_whole, &file);

    if (rc < 0)
        return p15_admin_is_closed(rc) ? 0 : rc;
    cursor = buf_view(&file);
    if (!tlv_next_is(&cursor, 0xEC, &dates)) {
        fields_tlv(f, "D010", cursor, NULL, source);
        return 0;
    }
    put_date(f, "update-start", dates.value, 0x81, source);
    put_date(f, "update-end", dates.value, 0x82, source);
    return 0;
}

/* The label is "CPS3v3-2300081197": the model and the logical identifier. */
static void put_model(struct fields *f, const char *label, const char *model,
                      const char *source)
{
    size_t len = strcspn(label, "-");
    const char *id = label + len + (label[len] == '-');

    if (label[len] == '\0' || strlen(id) != LOGICAL_DIGITS ||
        strspn(id, "0123456789") != LOGICAL_DIGITS) {
        fields_text(f, "model", bytes_of_string(model), "ATR", false);
        return;
    }
    fields_text(f, "model", bytes_from(label, len), source, false);
    fields_text(f, "logical-id", bytes_of_string(id), source, false);
}

/* ---- data objects -------------------------------------------------------- */

static int put_data(struct token *t, const struct p15_data *data,
                    struct fields *f)
{
    struct bytes path = bytes_from(data->path.data, data->path.len);
    char fid[5], source[CARD_LABEL_MAX + sizeof(" (D107)")];
    uint8_t space[DATA_MAX];
    struct buf file = BUF_ON(space);
    int rc = p15_admin_read(t, path, data->range, &file);

    if (rc < 0)
        return p15_admin_is_closed(rc) ? 0 : rc;
    bytes_to_hex(bytes_from(path.data + path.len - 2, 2), fid, sizeof(fid));
    if (data->label[0] != '\0')
        snprintf(source, sizeof(source), "%s (%s)", data->label, fid);
    else
        snprintf(source, sizeof(source), "EF %s", fid);
    fields_tlv(f, fid, buf_view(&file), NULL, source);
    return 0;
}

/* Those that a DODF lists, where a card has one. */
static int list_data(struct token *t, struct p15_data objects[MAX_DATA],
                     size_t *count)
{
    const struct p15_token *p15 = t->priv;
    const struct p15_files *files = &p15->odf.dodf;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < files->count; i++) {
        const struct card_path *path = &files->path[i];
        struct buf file;

        rc = p15_read_file(t, bytes_from(path->data, path->len),
                           files->range[i], &file);
        if (rc == 0)
            p15_parse_dodf(buf_view(&file), objects, MAX_DATA, count);
        buf_free(&file);
        if (p15_admin_is_closed(rc))
            rc = 0;
    }
    return rc;
}

static bool is_file(const struct p15_data *data, struct bytes fid)
{
    return data->path.len >= fid.len &&
           bytes_equal(bytes_from(data->path.data + data->path.len - fid.len,
                                  fid.len), fid);
}

/* D107, which is there without a word of it; then all that is listed. */
static int put_all_data(struct token *t, struct fields *f)
{
    struct p15_data objects[MAX_DATA] = {
        {.path = {.data = {fid_data[0], fid_data[1]},
                  .len = sizeof(fid_data)}}};
    size_t count = 1, first = 0;
    int rc = list_data(t, objects, &count);

    for (size_t i = 1; i < count; i++)
        if (is_file(&objects[i], BYTES_OF(fid_data)))
            first = 1;
    for (size_t i = first; rc == 0 && i < count; i++)
        if (!objects[i].private_object)
            rc = put_data(t, &objects[i], f);
    return rc;
}

int cps_describe(struct token *t, const char *model, struct bytes aid,
                 card_field_fn *put, void *arg)
{
    struct fields f = {.put = put, .arg = arg};
    int rc;

    put_interface(t, &f);
    if ((rc = put_serial(t, &f)) < 0 || (rc = put_update(t, &f)) < 0 ||
        (rc = p15_describe_application(t, aid, bytes_from(NULL, 0), &f)) < 0 ||
        (rc = p15_describe_token(t, &f)) < 0)
        return rc;
    put_model(&f, t->label, model, p15_info_source(t));
    rc = put_all_data(t, &f);
    return rc < 0 ? rc : f.rc;
}

/* ---- activity situations ------------------------------------------------- */

static void put_activity(struct fields *f, unsigned number, struct bytes file)
{
    static const struct field_tag tags[] = {
        {0x84, "legal-name"},
        {0x85, "structure-id"},
        {0x86, "sector"},
        {0, NULL}};
    char prefix[PREFIX_MAX], source[PREFIX_MAX];
    struct bytes cursor = file;
    struct tlv activity;

    snprintf(prefix, sizeof(prefix), "activity-%u", number);
    snprintf(source, sizeof(source), "EF D1%02X", 0x20 + number - 1);
    if (tlv_next_is(&cursor, 0xEE, &activity))
        fields_tlv(f, prefix, activity.value, tags, source);
    else
        fields_tlv(f, prefix, file, NULL, source);
}

int cps_describe_private(struct token *t, card_field_fn *put, void *arg)
{
    struct fields f = {.put = put, .arg = arg};
    uint8_t fid[] = {0xD1, 0x20}, space[DATA_MAX];
    struct buf file = BUF_ON(space);
    int rc = 0;

    for (unsigned i = 1; rc == 0 && i <= MAX_ACTIVITIES; i++, fid[1]++) {
        file.len = 0;
        rc = p15_admin_read(t, BYTES_OF(fid), p15_whole, &file);
        if (rc == 0)
            put_activity(&f, i, buf_view(&file));
    }
    return rc < 0 && rc != CARD_E_NOT_FOUND ? rc : f.rc;
}
