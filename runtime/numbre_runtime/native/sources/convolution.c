/* Every output channel from every input channel in a window. */
struct convolution {
    struct windows windows;
    struct dense channels;
    int8_t fill; /* what the padding holds, the input's zero point */
};

/* Copies a window with its padding, of which the input has a part only; `line` is how far rows of it are apart. */
static void gather(const int8_t *from, size_t line, struct inside rows, struct inside columns, uint8_t flip, int8_t *window,
                   const IN_FLASH struct convolution *layer)
{
    const IN_FLASH struct windows *windows = &layer->windows;
    size_t i, j, k, depth = windows->depth, step = windows->dilation_x;
    size_t count = step == 1 ? columns.end - columns.begin : 1;
    for (k = 0; k < layer->channels.length; k++)
        window[k] = layer->fill;
    for (i = rows.begin; i < rows.end; i++, from += line)
        for (j = columns.begin; j < columns.end; j += count)
            copy(window + (i * windows->wide + j) * depth, from + (j - columns.begin) * step * depth, count * depth, flip);
}

/* `flip` is 128 if the input holds pixels from 0 to 255, else 0. `window` is a buffer for one window. */
static void convolution(const int8_t *x, int8_t *y, const IN_FLASH struct convolution *layer, uint8_t flip, int8_t *window)
{
    const IN_FLASH struct windows *windows = &layer->windows;
    size_t row, column, tall = windows->tall, wide = windows->wide, depth = windows->depth;
    size_t line = windows->dilation_y * (size_t)windows->width * depth;
    uint8_t copies = flip || windows->dilation_x > 1;
    for (row = 0; row < windows->rows; row++) {
        struct inside rows = inside_rows(windows, row);
        for (column = 0; column < windows->columns; column++, y += layer->channels.rows) {
            struct inside columns = inside_columns(windows, column);
            const int8_t *from = x + (rows.at * windows->width + columns.at) * depth;
            if (copies || rows.end - rows.begin < tall || columns.end - columns.begin < wide) {
                gather(from, line, rows, columns, flip, window, layer);
                weigh(window, 1, 0, layer->channels.length, y, &layer->channels);
            } else
                weigh(from, tall, line, wide * depth, y, &layer->channels);
        }
    }
}
