/*
 * The card layer's context: settings, readers, log.
 */
#include "card/card_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void put_modules(struct card_context *ctx)
{
    for (size_t i = 0; i < ctx->settings.module_count; i++)
        p11_module_put(ctx->modules[i]);
    free(ctx->modules);
}

/* They are loaded when a token is first looked for. */
static int take_modules(struct card_context *ctx,
                        const struct card_settings *settings)
{
    size_t *count = &ctx->settings.module_count;
    int rc;

    *count = 0;
    ctx->settings.modules = NULL; /* used here only */
    if (settings->module_count == 0)
        return 0;
    ctx->modules = calloc(settings->module_count, sizeof(*ctx->modules));
    if (ctx->modules == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    for (; *count < settings->module_count; ++*count) {
        const struct card_module *m = &settings->modules[*count];

        rc = p11_module_get(m->path, m->init_args, &ctx->modules[*count]);
        if (rc < 0) {
            put_modules(ctx);
            return rc;
        }
    }
    return 0;
}

int card_context_new(const struct card_settings *settings,
                     struct card_context **out)
{
    struct card_context *ctx = calloc(1, sizeof(*ctx));
    int rc;

    if (ctx == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    ctx->settings = *settings;
    ctx->settings.trace = NULL; /* used here only: they may not outlive us */
    ctx->settings.cache = NULL;
    ctx->settings.pin = secret_ref(settings->pin);
    ctx->readers = settings->readers;
    ctx->reader_io = settings->reader_io;
    if (ctx->readers == NULL)
        ctx->readers = &reader_pcsc;
    if ((rc = lock_init(&ctx->lock)) < 0)
        goto fail;
    if (settings->trace != NULL) {
        rc = reader_trace_new(ctx->readers, ctx->reader_io, settings->trace,
                              &ctx->trace);
        if (rc < 0)
            goto fail_lock;
        ctx->readers = &reader_trace;
        ctx->reader_io = ctx->trace;
    }
    if ((rc = crypto_new(&ctx->crypto)) < 0 ||
        (settings->cache != NULL &&
         (rc = cache_new(ctx->crypto, settings->cache, &ctx->cache)) < 0) ||
        (rc = take_modules(ctx, settings)) < 0)
        goto fail_lock;
    *out = ctx;
    return 0;
fail_lock:
    cache_free(ctx->cache);
    crypto_free(ctx->crypto);
    reader_trace_free(ctx->trace);
    lock_destroy(&ctx->lock);
fail:
    secret_free(ctx->settings.pin);
    free(ctx);
    return rc;
}

void card_context_free(struct card_context *ctx)
{
    if (ctx == NULL)
        return;
    put_modules(ctx);
    cache_free(ctx->cache);
    crypto_free(ctx->crypto);
    reader_trace_free(ctx->trace);
    lock_destroy(&ctx->lock);
    secret_free(ctx->settings.pin);
    free(ctx);
}

void card_log(const struct card_context *ctx, const char *format, ...)
{
    char line[1024];
    va_list args;

    if (ctx->settings.log == NULL)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    ctx->settings.log(ctx->settings.log_arg, line);
}
