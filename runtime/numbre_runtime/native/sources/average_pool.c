/* The mean of each window's values inside the picture, rounded to nearest, ties away from zero. */
static void average_pool(const int8_t *x, int8_t *y, const IN_FLASH struct pool *layer)
{
    const IN_FLASH struct windows *windows = &layer->windows;
    size_t row, column, i, j, k, depth = windows->depth, line = windows->width * depth;
    for (row = 0; row < windows->rows; row++) {
        struct inside rows = inside_rows(windows, row);
        for (column = 0; column < windows->columns; column++) {
            struct inside columns = inside_columns(windows, column);
            const int8_t *source = x + rows.at * line + columns.at * depth;
            uint32_t count = (uint32_t)(rows.end - rows.begin) * (uint32_t)(columns.end - columns.begin);
            for (k = 0; k < depth; k++, source++) {
                const int8_t *from = source;
                int32_t sum = 0, mean;
                for (i = rows.begin; i < rows.end; i++, from += line) {
                    const int8_t *value = from;
                    for (j = columns.begin; j < columns.end; j++, value += depth)
                        sum += *value;
                }
                mean = (int32_t)(((uint32_t)(sum < 0 ? -sum : sum) + count / 2) / count);
                *y++ = clipped(sum < 0 ? -mean : mean, layer);
            }
        }
    }
}
