/*
 * tessera deactivate: take back what activate and chain --install registered.
 */
#include "card/tool/tool.h"

#include <stdio.h>
#include <string.h>

#include "card/tool/card_files.h"
#include "card/tool/registry.h"

/* The number that is given, if its card is registered: it need not be there. */
static bool stem_is_listed(const struct registry *r, const char *text,
                           char stem[CARD_STEM_MAX])
{
    if (text == NULL)
        return false;
    card_files_stem_of(text, stem);
    return registry_has(r, stem);
}

/* The only card that is registered. */
static bool only_stem(const struct registry *r, char stem[CARD_STEM_MAX])
{
    stem[0] = '\0';
    for (size_t i = 0; i < r->count; i++) {
        const char *name = r->entries[i].name;

        if (strcmp(name, REGISTRY_CONF) == 0 ||
            (stem[0] != '\0' && registry_of_card(name, stem)))
            continue;
        if (stem[0] != '\0')
            return false;
        snprintf(stem, CARD_STEM_MAX, "%.*s", (int)strcspn(name, "-"), name);
    }
    return stem[0] != '\0';
}

static int find_stem(struct tool *t, const struct registry *r, const char *text,
                     char stem[CARD_STEM_MAX])
{
    struct card_set set;
    struct card *c;
    int status;

    if (text == NULL)
        text = t->options.card;
    if (stem_is_listed(r, text, stem) || (text == NULL && only_stem(r, stem)))
        return TOOL_DONE;
    status = tool_choose(t, text, CARD_READ_OBJECTS, &set, &c);
    if (status != TOOL_DONE)
        return status;
    card_files_stem(&set, c, stem);
    card_set_free(&set);
    return TOOL_DONE;
}

static int take_back(struct tool *t, struct registry *r, const char *text,
                     bool all)
{
    char stem[CARD_STEM_MAX];
    int status = TOOL_DONE;
    size_t removed = 0;

    if (!all && r->count > 0)
        status = find_stem(t, r, text, stem);
    if (status == TOOL_DONE && r->count > 0)
        status = registry_remove(r, all ? NULL : stem, &removed);
    if (status != TOOL_DONE)
        return status;
    if (out_is_json(t->out))
        out_number(t->out, "removed", NULL, (long long)removed, NULL);
    if (removed == 0)
        out_line(t->out, _("Nothing was registered, so nothing was removed."));
    else
        out_line(t->out, ngettext("%zu file was removed from %s.",
                                  "%zu files were removed from %s.", removed),
                 removed, r->path);
    return TOOL_DONE;
}

int deactivate_run(struct tool *t, int argc, char **argv)
{
    bool all = false, system = false;
    const struct tool_option options[] = {{"all", NULL, &all, NULL},
                                          {"system", NULL, &system, NULL},
                                          {NULL, NULL, NULL, NULL}};
    struct registry *r;
    int status;

    if ((argc = tool_parse(t, options, 1, argc, argv)) < 0)
        return tool_parsed(t);
    if ((r = registry_open(t, system, false, &status)) == NULL)
        return status;
    status = take_back(t, r, argv[1], all);
    registry_close(r);
    return status;
}
