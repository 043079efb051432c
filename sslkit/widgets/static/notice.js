// A widget that only has something to say: what is wrong with what it was given
export default { render({ model, el }) { return frame(model, el, "notice").stop; } };
