"""The programs of the renderer, in GLSL 3.30.

Space is the camera's: x right, y down, z forward. Nothing is turned upside down on the way: the
first row of a buffer is the top row of the picture. Colours are linear inside and stored by their
square roots, which spreads 8 bits about as evenly to the eye as sRGB does.
"""

MAX_BONES = 64

# What all programs of a moment share.
_VIEW = """
layout(std140) uniform View {
    vec4 lens;  // 2 f / w, 2 f / h, and how z becomes a depth between -1 and 1
    vec4 to_light;
    vec4 up;
    vec4 light;
    vec4 ambient;
};
"""
_LENS = f"""
{_VIEW}
vec4 seen(vec3 place) {{
    return vec4(place.xy * lens.xy, place.z * lens.z + lens.w, place.z);
}}
"""

# Ambient light, a distant light that wraps around (half Lambert, squared) and a highlight.
_SHADE = """
vec3 lit(vec3 n) {
    float wrap = 0.5 + 0.5 * dot(n, to_light.xyz);
    return ambient.rgb * (0.8 + 0.2 * dot(n, up.xyz)) + light.rgb * wrap * wrap;
}
vec3 towards_eye(vec3 place, vec3 normal) {
    return normalize(dot(normal, place) > 0 ? -normal : normal);
}
"""

# Linear blend skinning; the transforms take rest positions straight to the camera. Light is worked
# out here, since vertices are about as dense as pixels.
FIGURE_VERTEX = f"""#version 330
layout(std140) uniform Bones {{
    vec4 bones[{3 * MAX_BONES}];
}};
uniform float gloss;
{_LENS}
{_SHADE}
in vec3 position;
in vec3 normal;
in vec2 uv;
in uvec4 bone_a;
in uvec4 bone_b;
in vec4 weight_a;
in vec4 weight_b;
out vec2 spot;
out vec3 shade;
out vec3 highlight;

void main() {{
    vec4 row[3] = vec4[](vec4(0), vec4(0), vec4(0));
    for (int k = 0; k < 4; ++k)
        for (int axis = 0; axis < 3; ++axis)
            row[axis] += weight_a[k] * bones[3 * int(bone_a[k]) + axis]
                       + weight_b[k] * bones[3 * int(bone_b[k]) + axis];
    vec4 rest = vec4(position, 1);
    vec3 place = vec3(dot(row[0], rest), dot(row[1], rest), dot(row[2], rest));
    vec3 turned = vec3(dot(row[0].xyz, normal), dot(row[1].xyz, normal), dot(row[2].xyz, normal));
    vec3 n = towards_eye(place, turned);
    vec3 half_way = normalize(to_light.xyz - normalize(place));
    spot = uv;
    shade = lit(n);
    highlight = light.rgb * gloss * pow(max(dot(n, half_way), 0), 24);
    gl_Position = seen(place);
}}
"""

SOLID_VERTEX = f"""#version 330
{_LENS}
in vec3 position;
in vec3 colour;
out vec3 place;
out vec3 tone;

void main() {{
    place = position;
    tone = colour;
    gl_Position = seen(place);
}}
"""

# A hair's alpha below 0.4 is air.
_CUTOUT = "if (texture(surface, spot).a < 0.4) discard;"


def figure_colour(cutout: bool) -> str:
    """Fragment program of a figure's surface; with ``cutout`` it looks at the alpha."""
    return f"""#version 330
uniform sampler2D surface;
in vec2 spot;
in vec3 shade;
in vec3 highlight;
out vec4 stored;

void main() {{
    {_CUTOUT if cutout else ""}
    stored = vec4(sqrt(texture(surface, spot).rgb * shade + highlight), 1);
}}
"""


SOLID_COLOUR = f"""#version 330
{_VIEW}
{_SHADE}
in vec3 place;
in vec3 tone;
out vec4 stored;

void main() {{
    stored = vec4(sqrt(tone * lit(towards_eye(place, cross(dFdx(place), dFdy(place))))), 1);
}}
"""


def surface_label(cutout: bool) -> str:
    """Fragment program for depth and owner; with ``cutout`` it looks at the texture's alpha."""
    return f"""#version 330
uniform float owner;
{"uniform sampler2D surface; in vec2 spot;" if cutout else ""}
out vec2 label;

void main() {{
    {_CUTOUT if cutout else ""}
    label = vec2(1 / gl_FragCoord.w, owner);
}}
"""


BALLS = 13

# A person as balls over the ground z = 0, which take light from it.
SHADOW_VERTEX = f"""#version 330
uniform mat4x3 to_camera;
{_LENS}
in vec2 position;
out vec2 spot;

void main() {{
    spot = position;
    gl_Position = seen(to_camera * vec4(position, 0, 1));
}}
"""

# How much a ball hides of the sky over a level spot: (r / d)^2 cos(angle to the vertical).
SHADOW_FRAGMENT = f"""#version 330
uniform vec4 balls[{BALLS}];
in vec2 spot;
out vec4 stored;

void main() {{
    float open = 1;
    for (int k = 0; k < {BALLS}; ++k) {{
        vec3 to_ball = balls[k].xyz - vec3(spot, 0);
        float near = inversesqrt(dot(to_ball, to_ball));
        float radius = balls[k].w;
        open *= 1 - clamp(radius * radius * max(to_ball.z, 0) * near * near * near, 0, 1);
    }}
    stored = vec4(0, 0, 0, 0.8 * max(1 - open - 0.02, 0));
}}
"""

PICTURE_VERTEX = """#version 330
in vec2 position;

void main() {
    gl_Position = vec4(position, 0, 1);
}
"""

# Averages the samples of a pixel in linear light and lays them over the background.
PICTURE_FRAGMENT = """#version 330
uniform sampler2D samples;
uniform sampler2D background;
uniform int count;
out vec4 pixel;

vec3 decode(vec3 c) {
    return mix(c / 12.92, pow((c + 0.055) / 1.055, vec3(2.4)), step(0.04045, c));
}

vec3 encode(vec3 c) {
    return mix(c * 12.92, 1.055 * pow(c, vec3(1 / 2.4)) - 0.055, step(0.0031308, c));
}

void main() {
    ivec2 at = ivec2(gl_FragCoord.xy);
    vec4 sum = vec4(0);
    for (int y = 0; y < count; ++y)
        for (int x = 0; x < count; ++x) {
            vec4 s = texelFetch(samples, at * count + ivec2(x, y), 0);
            sum += vec4(s.rgb * s.rgb, s.a);
        }
    sum /= count * count;
    pixel = texelFetch(background, at, 0);
    if (sum.a > 0) pixel.rgb = encode(sum.rgb + (1 - sum.a) * decode(pixel.rgb));
}
"""
