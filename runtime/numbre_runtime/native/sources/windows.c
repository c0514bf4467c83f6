/* The windows that move over a picture [height][width][depth] and give one [rows][columns]. */
struct windows {
    uint16_t height, width, depth, rows, columns, tall, wide, stride_y, stride_x, dilation_y, dilation_x, top, left;
};
