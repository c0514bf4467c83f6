/* The largest value of each window. */
static void max_pool(const int8_t *x, int8_t *y, const IN_FLASH struct pool *layer)
{
    const IN_FLASH struct windows *windows = &layer->windows;
    size_t row, column, i, j, k, depth = windows->depth, line = windows->width * depth;
    for (row = 0; row < windows->rows; row++) {
        struct inside rows = inside_rows(windows, row);
        for (column = 0; column < windows->columns; column++, y += depth) {
            struct inside columns = inside_columns(windows, column);
            const int8_t *from = x + rows.at * line + columns.at * depth;
            for (k = 0; k < depth; k++)
                y[k] = from[k];
            for (i = rows.begin; i < rows.end; i++, from += line) {
                const int8_t *value = from;
                for (j = columns.begin; j < columns.end; j++, value += depth)
                    keep_larger(y, value, depth);
            }
            for (k = 0; k < depth; k++)
                y[k] = clipped(y[k], layer);
        }
    }
}
