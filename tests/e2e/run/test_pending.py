"""Once `main` has returned, the run goes on for as long as something will call the program again."""

import struct

import pytest

from .support import Builds, Run

pytestmark = pytest.mark.e2e

# Each does one thing over and over, for longer than a page has to be idle before its run ends: what is not
# seen as pending ends the run amid its step. So a step waits for nothing else, no timer and no fetch().
STEPS = {
    "SubtleCrypto": "() => crypto.subtle.digest('SHA-256', bytes)",
    "FileReader": """() => new Promise((resolve) => {
        const reader = new FileReader();
        reader.onloadend = resolve;
        reader.readAsText(new Blob(['text']));
    })""",
    "CacheStorage": "() => caches.has('none')",
    "Cache": "() => cache.match('/none')",
    "StorageManager": "() => navigator.storage.estimate()",
    "FileSystemHandle": "() => file.isSameEntry(folder)",
    "FileSystemFileHandle": "() => file.getFile()",
    "FileSystemDirectoryHandle": "() => folder.getFileHandle('file')",
    "its entries": "async () => { let n = 0; for await (const _ of folder) ++n; if (n !== 1) throw n; }",
    "FileSystemWritableFileStream": "() => writable.write('text')",
    "LockManager": "() => navigator.locks.request('lock', () => 1)",
    "BaseAudioContext": "() => new Promise((done, failed) => audio.decodeAudioData(wave(), done, failed))",
    "OfflineAudioContext": "() => new OfflineAudioContext(1, 4410, 44100).startRendering()",
    "FontFace": "() => new FontFace('none', 'url(/origin/delay/300ms)').load().catch(() => 1)",
    "FontFaceSet": "() => document.fonts.load('1em slow').catch(() => 1)",
    "GPU": "() => navigator.gpu.requestAdapter()",
    "GPUBuffer": "() => buffer.mapAsync(GPUMapMode.READ).then(() => buffer.unmap())",
    "GPUQueue": "() => device.queue.onSubmittedWorkDone()",
    "GPUDevice": "() => device.createComputePipelineAsync({ layout: 'auto', compute: { module: shader } })",
    "EventSource until it is closed": """() => new Promise((resolve) => {
        const source = new EventSource('/origin/sse?count=2&duration=300ms');
        let count = 0;
        source.addEventListener('ping', () => { if (++count === 2) resolve(source.close()); });
    })""",
    "EventSource until it fails": """() => new Promise((resolve) => {
        new EventSource('/origin/delay/300ms').onerror = resolve;  // JSON
    })""",
}
# A sound of one sample.
FORMAT = (16, 1, 1, 44100, 88200, 2, 16)
WAVE = struct.pack("<4sI8sIHHIIHH4sIh", b"RIFF", 38, b"WAVEfmt ", *FORMAT, b"data", 2, 0)
PROGRAM = """(async () => {
    const bytes = new Uint8Array(65536);
    const audio = new OfflineAudioContext(1, 1, 44100);
    const cache = await caches.open('cache');
    const folder = await navigator.storage.getDirectory();
    const file = await folder.getFileHandle('file', { create: true });
    const wave = () => Uint8Array.of(WAVE).buffer;
    const device = await (await navigator.gpu.requestAdapter()).requestDevice();
    const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ });
    const shader = device.createShaderModule({ code: '@compute @workgroup_size(1) fn main() {}' });
    document.fonts.add(new FontFace('slow', 'url(/origin/delay/301ms)'));
    let writable;
    for (const [name, work] of Object.entries({ STEPS })) {
        if (name === 'FileSystemWritableFileStream') writable = await file.createWritable();
        const end = performance.now() + 200;
        do await work(); while (performance.now() < end);
        out(name);
        if (name === 'FileSystemWritableFileStream') await writable.close();
    }
})()"""


# WebGPU where there is no graphics card.
GPU = "--browser-args=--enable-unsafe-webgpu --use-webgpu-adapter=swiftshader --enable-features=Vulkan"


def test_what_will_call_the_program_again_is_waited_for(run: Run, builds: Builds) -> None:
    steps = ",\n".join(f"'{name}': {work}" for name, work in STEPS.items())
    program = PROGRAM.replace("STEPS", steps).replace("WAVE", ", ".join(map(str, WAVE)))
    ran = run("--timeout", "30", GPU, builds("plain.js"), "script", program)
    assert ran.lines == list(STEPS)
    assert (ran.code, ran.errors) == (0, "")
